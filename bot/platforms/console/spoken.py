"""Which addresses of what people typed may be followed or shown in the page."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_safe(url: str) -> bool:
    """Whether a link may be followed: http(s) with a host, or a path of our own."""
    if any(ord(character) <= 32 for character in url) or "\\" in url:
        return False
    if url.startswith("/"):
        return not url.startswith("//")
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def is_own(url: str) -> bool:
    """Whether an address is a path of our own server."""
    return url.startswith("/") and is_safe(url)


def is_shown(url: str) -> bool:
    """Whether an image may be shown in the page; the security policy blocks any other."""
    return is_own(url) or url.startswith("data:image/")
