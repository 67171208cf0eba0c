"""What is compiled or loaded is so once for a process, and not once for each of the thousand bots of its tests.

The libraries keep what they have compiled by engine, by environment and by client. That saves a bot nearly all of it,
and tests nothing: statements were a quarter of their time, templates a large part of the console's, and each client
reads all certificates of the world.
"""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Callable
from typing import Any

import httpx._transports.default
import httpx2._transports.default
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache

_MOST = 2000


def share() -> None:
    """From now on, in this process. All is patched, since the libraries make their own, too."""
    _share_statements()
    _share_templates()
    _share_certificates()


def _share_statements() -> None:
    """All engines on SQLite are alike here."""
    cache: LRUCache[Any, Any] = LRUCache(_MOST)
    begin = Engine.__init__

    def begin_alike(engine: Engine, *values: Any, **options: Any) -> None:
        begin(engine, *values, **options)
        if isinstance(engine.dialect, SQLiteDialect_pysqlite):
            engine.update_execution_options(compiled_cache=cache)

    for name, value in {"__eq__": _are_alike, "__hash__": _hash}.items():
        setattr(SQLiteDialect_pysqlite, name, value)
    setattr(Engine, "__init__", begin_alike)  # noqa: B010 - a type checker lets nobody assign to a method


def _are_alike(_one: object, other: object) -> bool:
    return isinstance(other, SQLiteDialect_pysqlite)


def _hash(_one: object) -> int:
    return hash(SQLiteDialect_pysqlite)


def _share_templates() -> None:
    """A file is always read by the same rules; Jinja2 itself looks whether its text is another."""
    begin = Environment.__init__
    cache = _Templates()

    def begin_alike(environment: Environment, *values: Any, **options: Any) -> None:
        begin(environment, *values, **{"bytecode_cache": cache, **options})

    setattr(Environment, "__init__", begin_alike)  # noqa: B010 - as above


class _Templates(BytecodeCache):
    """In memory."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if found := self._kept.get(bucket.key):
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


def _share_certificates() -> None:
    """Who is trusted when nothing else is said; nobody changes that afterwards."""
    for module in (httpx._transports.default, httpx2._transports.default):
        setattr(module, "create_ssl_context", _trusting(module.create_ssl_context))  # noqa: B010 - as above


def _trusting(create: Callable[..., ssl.SSLContext]) -> Callable[..., ssl.SSLContext]:
    usual = functools.cache(create)

    def find(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        is_usual = verify is True and cert is None and not os.environ.keys() & {"SSL_CERT_FILE", "SSL_CERT_DIR"}
        return usual() if is_usual else create(verify=verify, cert=cert, trust_env=trust_env)

    return find
