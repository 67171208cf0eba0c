"""The settings of the audit's anchors."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class AuditSettings(BaseModel):
    """Where the audit's head is anchored, how often, and with which key. An empty `anchor`: nowhere.

    `anchor` is a file, or `s3://bucket/prefix`, whose access is that of the AWS SDK (environment, profile or role).
    `key` is an Ed25519 private key (PEM); where it is empty, that of `key_file`, which is made where there is none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    anchor: str = ""
    every_minutes: float = Field(default=5.0, gt=0, le=1440)
    key: SecretStr = SecretStr("")
    key_file: Path = Path("var/audit-key.pem")
    s3_endpoint: str = ""
    s3_region: str = ""

    @model_validator(mode="after")
    def _known(self) -> AuditSettings:
        scheme, is_address, rest = self.anchor.partition("://")
        if is_address and (scheme != "s3" or not rest.strip("/")):
            raise ValueError("anchor: a file, or s3://bucket/prefix")
        return self
