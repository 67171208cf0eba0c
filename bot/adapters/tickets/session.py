"""How the libraries of ticket systems ask: bounded in time, and what is answered is judged once for all of them."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import requests

from bot.adapters.pausing import pause
from bot.world.tickets import Gone
from commands.errors import Unavailable
from commands.ports import Overloaded, Rejected

log = logging.getLogger(__name__)
TIMEOUT_SECONDS = 10
#: What one errand may take with all its requests, in seconds; it is given up (and tried again) a little later.
_A_TRY_SECONDS = 25.0
_until: ContextVar[float] = ContextVar("until", default=math.inf)


class Session(requests.Session):
    """`system` is named in what people are told."""

    def __init__(self, system: str, timeout: float = TIMEOUT_SECONDS) -> None:
        super().__init__()
        self._system = system
        self._timeout = timeout

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """See requests. Raises Gone, Rejected, Overloaded, Unavailable."""
        left = _until.get() - time.monotonic()
        if left <= 0:
            raise Unavailable(f"{self._system} takes too long to answer.")
        options["timeout"] = min(self._timeout, left)
        options["allow_redirects"] = False
        try:
            answer = super().send(request, **options)
        except requests.RequestException as error:
            raise Unavailable(f"{self._system} does not answer ({type(error).__name__}).") from error
        self._judge(answer)
        return answer

    def _judge(self, answer: requests.Response) -> None:
        status = answer.status_code
        if status == requests.codes.too_many_requests:
            after = pause(answer.headers.get("Retry-After"))
            raise Overloaded(f"{self._system} takes no more for now (status 429).", after=after)
        if status in {requests.codes.not_found, requests.codes.gone}:
            raise Gone(f"status {status}: {_reason(answer)}")
        if 300 <= status < 500 and status != requests.codes.request_timeout:
            raise Rejected(f"status {status}: {_reason(answer)}")
        if not 200 <= status < 300:
            raise Unavailable(f"{self._system} answers with status {status}.")
        if answer.content and not answer.headers.get("Content-Type", "").startswith("application/json"):
            raise Unavailable(f"{self._system} answers something that is no JSON.")


@contextmanager
def sensible(system: str) -> Iterator[None]:
    """Bounds what is asked within it in time: nobody waits for the thread any more once an errand was given up.

    The libraries trip over answers that are not of the shape they expect. Raises Unavailable instead.
    """
    token = _until.set(time.monotonic() + _A_TRY_SECONDS)
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        log.warning("%s: an answer cannot be read", system, exc_info=error)
        raise Unavailable(f"{system} answers something that makes no sense ({type(error).__name__}).") from error
    finally:
        _until.reset(token)


def _reason(answer: requests.Response) -> str:
    """What Jira and ServiceNow say of an error."""
    try:
        said = answer.json()
    except ValueError:
        return "no reason given"
    if not isinstance(said, dict):
        return "no reason given"
    errors, error = said.get("errors"), said.get("error")
    words = [
        *map(str, said.get("errorMessages") or []),
        *(map(str, errors.values()) if isinstance(errors, dict) else []),
    ]
    if isinstance(error, dict):
        words += [str(error.get(key)) for key in ("message", "detail") if error.get(key)]
    return (" ".join(words) or "no reason given")[:300]
