"""What schemathesis is told of the admin API beyond its description; it loads this by its name."""

from __future__ import annotations

import schemathesis
from schemathesis import Case, CheckContext, GenerationMode, Response


@schemathesis.check
def what_fits_is_understood(ctx: CheckContext, response: Response, case: Case) -> None:
    """What fits the description may be refused because of the state or a limit, but never as `invalid`."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE or response.status_code != 422:
        return
    error = response.json()["error"]
    assert error["code"] != "invalid", f"fits the description, and is not understood: {error['message']}"
