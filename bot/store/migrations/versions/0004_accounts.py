"""What a platform said about an account, in which order, and what is doubted since."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add it; accounts that are there are asked about again."""
    with op.batch_alter_table("tocsin_accounts") as accounts:
        accounts.add_column(sa.Column("facts", sa.Text(), nullable=False, server_default="{}"))
        accounts.add_column(sa.Column("asked_at", _ID, nullable=False, server_default="0"))
        accounts.add_column(sa.Column("doubted_at", _ID, nullable=False, server_default="0"))
        accounts.add_column(sa.Column("change", _ID, nullable=False, server_default="0"))
        accounts.create_index(op.f("ix_tocsin_accounts_change"), ["change"])


def downgrade() -> None:
    """Take it away."""
    with op.batch_alter_table("tocsin_accounts") as accounts:
        accounts.drop_index(op.f("ix_tocsin_accounts_change"))
        for name in ("change", "doubted_at", "asked_at", "facts"):
            accounts.drop_column(name)
