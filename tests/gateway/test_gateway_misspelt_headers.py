"""Applications that take "_" for "-" (CGI, WSGI) are told of a client's address by the gateway only, too."""

from __future__ import annotations

import pytest

from tests.gateway.running import settings_for
from tests.gateway.stage import staged
from tests.gateway.upstream import ControlledUpstream

MISSPELT = ["X_Forwarded_For", "x-forwarded_for", "X_FORWARDED-PROTO", "X_Forwarded_Host", "x_real_ip", "X_Request_Id"]


@pytest.mark.parametrize("believed", [False, True])
async def test_forwarding_headers_that_are_spelt_otherwise_stay_behind(
    believed: bool, shared_upstream: ControlledUpstream
) -> None:
    proxies = ["127.0.0.1"] if believed else []
    document = settings_for(shared_upstream.url, server={"trusted_proxies": proxies})
    sent = dict.fromkeys(MISSPELT, "203.0.113.9")
    fields = "".join(
        f"{name}: {value}\r\n" for name, value in {**sent, "X_Other": "kept", "X-Real-IP": "192.0.2.1"}.items()
    )
    async with staged(document) as stage, stage.caller() as caller:
        caller.send(f"GET /echo HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
        headers = (await caller.answer()).json()["headers"]
    assert not [value for _, value in headers if value == "203.0.113.9"]
    assert ["x_other", "kept"] in headers
    assert (["x-real-ip", "192.0.2.1"] in headers) is believed
