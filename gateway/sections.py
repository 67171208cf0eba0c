"""What every section of the settings is made of: strict keys, plain ids, secrets that only workers get to see."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, SecretStr, SerializationInfo

MASK = "********"
#: The context in which a dump shows secrets: what a worker is sent over its channel.
FOR_WORKERS: dict[str, Any] = {"secrets": True}
_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]


def _shown(value: SecretStr, info: SerializationInfo) -> str:
    return value.get_secret_value() if info.context == FOR_WORKERS else MASK


def _of_redis(value: SecretStr) -> SecretStr:
    try:
        url = urlsplit(value.get_secret_value())
        is_one = url.scheme in ("redis", "rediss", "unix") and url.port != 0
    except ValueError:
        # What is wrong with the port would be told with a part of the password.
        is_one = False
    if not is_one:
        raise ValueError("must be redis://[user:password@]host[:port][/database], rediss://... or unix://path")
    return value


def _plain(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("must be 1 to 64 letters, digits, '.', '_' or '-', and start with a letter or digit")
    return value


#: Ids become metric labels and URL parts; "_" starts the gateway's own.
PlainId = Annotated[str, AfterValidator(_plain)]
Secret = Annotated[SecretStr, PlainSerializer(_shown, when_used="json")]
RedisUrl = Annotated[Secret, AfterValidator(_of_redis)]


class Section(BaseModel):
    """A part of the settings; unknown keys are refused.

    It is worked out when it is first needed: every process starts faster when it does not do so for each section by
    itself, and for those that it never reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def unique(section: str, ids: list[str]) -> set[str]:
    """`ids` as a set; each may be there once."""
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise ValueError(f"{section}: each id must be unique; repeated: {', '.join(repeated)}")
    return set(ids)
