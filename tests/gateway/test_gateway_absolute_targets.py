"""The host in an absolute target has to be one, as in `Host`: upstreams are told it."""

from __future__ import annotations

import pytest

from gateway.proxy.message import Refused
from gateway.proxy.reader import Limits, RequestReader
from tests.gateway.reading import Heard


def read(target: str) -> bytes:
    heard = Heard()
    RequestReader(heard, Limits(1000, 100, 100)).feed(f"GET {target} HTTP/1.1\r\nHost: other\r\n\r\n".encode())
    return heard.heads[0].authority


@pytest.mark.parametrize("host", ["h", "h:8080", "[::1]:80", "a.b-c_d", "H:"])
def test_a_host_goes_before_the_one_of_the_header(host: str) -> None:
    assert read(f"http://{host}/x") == host.encode()


@pytest.mark.parametrize("host", ["", ":80", "user@h", "good.example@evil.example", "h:999999", "[::1", "a:b:c", "[h]"])
def test_what_is_none_is_refused(host: str) -> None:
    with pytest.raises(Refused) as caught:
        read(f"http://{host}/x")
    assert caught.value.status == 400
