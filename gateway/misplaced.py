"""Settings of others that were set here: the runbooks switch the database of the services behind the gateway, too.

The gateway has no database. Who sets one of these for it waits for something that will never happen, and is told so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_OF_THE_SERVICE = (
    "it is of the service behind, so set it on that deployment: kubectl set env deployment/..., or /gw env where it is "
    "Tocsin's target"
)
#: Runbook 004: "Database Connection Pool Exhaustion", and the switch to a recovered database.
SWITCHES = {
    "DB_POOL_SIZE": f"the gateway has no database; {_OF_THE_SERVICE}",
    "READ_REPLICA_ENABLED": f"the gateway has no database; {_OF_THE_SERVICE}",
    "DATABASE_HOST": f"the gateway has no database; {_OF_THE_SERVICE}",
}
_OF_THE_DATABASE = (
    "the gateway has no database, and asks Redis over one connection for each worker and purpose; it belongs into the "
    "ConfigMap of the service whose pool it is"
)
#: Runbook 000: "Connection Pool Management", in the ConfigMap `database-config`.
FLAT_KEYS = dict.fromkeys(("maxPoolSize", "minPoolSize", "maxIdleTime"), _OF_THE_DATABASE)


def misplaced(path: Path, environ: Mapping[str, str]) -> list[str]:
    """A sentence for each that is in the environment, or beside the configuration where that is a directory."""
    found = [f"{name} does nothing here: {why}" for name, why in SWITCHES.items() if name in environ]
    if path.is_dir():
        found += [f"{name} does nothing here: {why}" for name, why in FLAT_KEYS.items() if (path / name).is_file()]
    return found
