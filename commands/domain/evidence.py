"""What was there before a change: kept as it was, so that it can be looked at when the change has wiped it away."""

from __future__ import annotations

import hashlib

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Evidence(BaseModel):
    """A text, already redacted, and its hash; `missing` are the parts that could not be captured in time.

    `known_as`: the hash by which the audit knows it, where it was read again.
    """

    model_config = ConfigDict(frozen=True)

    plan: str
    at: AwareDatetime
    text: str
    missing: tuple[str, ...] = ()
    known_as: str = ""

    @property
    def sha256(self) -> str:
        """What the audit's intent names it by."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def was_changed(self) -> bool:
        """Whether it is not what was captured."""
        return self.known_as not in {"", self.sha256}
