"""Endpoints that belong together, as the app takes them over."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.routing import APIRoute


def endpoints(prefix: str = "", *, tag: str) -> APIRouter:
    """Where they are declared. The app has these very routes, so all that is said of them is said here.

    A router that is included has each of its routes built again, and the first request waits for that.
    """
    return APIRouter(prefix=prefix, tags=[tag], generate_unique_id_function=_operation_id)


def _operation_id(route: APIRoute) -> str:
    return f"{str(route.tags[0]).replace(' ', '_')}.{route.name}"
