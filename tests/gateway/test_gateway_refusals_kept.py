"""What refuses a request keeps nothing of it: attackers send very many."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from gateway.policies.attacks import Detection
from gateway.proxy.exchange import Exchange
from gateway.settings import Settings
from gateway.telemetry.tally import Tally
from tests.gateway.running import settings_for
from tests.gateway.stage import staged
from tests.gateway.upstream import ControlledUpstream


async def test_a_request_that_was_refused_as_an_attack_is_gone(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, security={"detection": {"enabled": True, "mode": "block"}})
    detection = Detection(Settings.model_validate(document).security.detection, Tally())
    seen: list[weakref.ref[Exchange]] = []

    def noted(_route: Any) -> tuple[Any, ...]:
        return (lambda exchange: seen.append(weakref.ref(exchange)),)

    async with staged(document, noted, detection.policy) as stage, stage.caller() as caller:
        for _ in range(3):
            assert (await caller.get("/?q=%3Cscript%3E")).status == 403
        assert (await caller.get("/")).status == 200
        gc.collect()
        assert [one() for one in seen[:3]] == [None, None, None]
