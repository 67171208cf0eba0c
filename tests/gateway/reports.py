"""What a worker reports to the supervisor, as it comes over their channel."""

from __future__ import annotations

import json
from typing import Any


def report_of(counted: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A report with these counts, with no records and no connections unless `more` says so."""
    nothing: dict[str, Any] = {
        "records": [], "missed": {}, "groups": [], "talkers": {}, "slowest": [], "attackers": [], "log_dropped": 0,
        "connection_uses": {},
    }  # fmt: skip
    return {"counted": json.loads(json.dumps(counted)), **nothing, **more}
