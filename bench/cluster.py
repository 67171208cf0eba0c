"""A simulated cluster with the gateway in it, as a process of its own; each request that it answers goes into a file.

`python -m bench.cluster KUBECONFIG CALLS`: the kubeconfig is that of Tocsin's own service account.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TextIO

from bot.adapters.kubernetes.access import ACCOUNT
from tests.contract.clusters import SPACE, furnished
from tests.simulators.kubernetes import Kubernetes
from tests.simulators.kubernetes.http.calls import Call


def _line(call: Call) -> dict[str, Any]:
    """When it arrived, and what it takes to send the same again."""
    return {
        "at": call.at.timestamp(),
        "agent": call.user_agent,
        "what": call.what,
        "changes": call.mutates and not call.dry,
        "method": call.method,
        "path": call.path,
        "query": call.query,
        "kind": call.content_type,
        "body": json.loads(call.raw) if call.raw else None,
        "status": call.status,
    }


def _keep(cluster: Kubernetes, file: TextIO) -> None:
    """Write each request down as soon as it is answered."""
    judge = cluster.server.answered

    def answered(call: Call) -> None:
        judge(call)
        print(json.dumps(_line(call)), file=file, flush=True)

    cluster.server.answered = answered


def main() -> None:
    """Until a signal."""
    kubeconfig, calls = (Path(one) for one in sys.argv[1:])
    stopped = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: stopped.set())
    with furnished() as cluster, calls.open("w", encoding="utf-8") as file:
        _keep(cluster, file)
        made = cluster.kubeconfig(kubeconfig.with_suffix(".new"), token=cluster.service_account(ACCOUNT, SPACE))
        made.rename(kubeconfig)
        stopped.wait()


if __name__ == "__main__":
    main()
