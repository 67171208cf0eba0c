"""Connections to the admin API on which nobody has shown a token: they take neither memory nor places."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.admin.server import BoundedConnection
from tests.gateway.admin_stand import AdminStand


def connected(stand: AdminStand) -> socket.socket:
    url = urlsplit(stand.url)
    return socket.create_connection((url.hostname, url.port), timeout=60)


def answer(sock: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    try:
        while more := sock.recv(65_536):
            found += more
    except ConnectionResetError:
        pass  # It did not wait for the rest of what it refused.
    return found


def test_a_head_without_an_end_is_not_kept(tmp_path: Path) -> None:
    with AdminStand(tmp_path) as stand, connected(stand) as sock:
        sock.sendall(b"GET /admin/status HTTP/1.1\r\nhost: a\r\nx: ")
        with pytest.raises(ConnectionError):  # noqa: PT012 - it may be any of them
            for _ in range(50):
                sock.sendall(b"a" * 1_000_000)


def test_whoever_sends_no_request_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedConnection, "patience", 0.05)
    with AdminStand(tmp_path) as stand:
        with connected(stand) as silent, connected(stand) as slow, connected(stand) as kept:
            slow.sendall(b"GET /admin/status HTTP/1.1\r\n")
            kept.sendall(b"GET /admin/status HTTP/1.1\r\nhost: a\r\n\r\nGET /admin")
            assert (answer(silent), answer(slow)) == (b"", b"")
            assert answer(kept).startswith(b"HTTP/1.1 401 ")
        with stand.client() as admin:
            assert admin.get("/admin/status").status_code == 200
