"""`python -m tests.simulators.kubernetes`: the cluster alone, with a gateway in it; it prints how to reach it."""

from __future__ import annotations

import argparse
import signal
import tempfile
import threading
from pathlib import Path

from tests.simulators.kubernetes import demo
from tests.simulators.kubernetes.simulator import Kubernetes


def arguments() -> argparse.Namespace:
    """What can be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.kubernetes", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 is a free one")
    parser.add_argument("--kubeconfig", type=Path, help="where to write it; a temporary file unless said")
    parser.add_argument("--age", choices=["current", "old"], default="current", help="old is 1.20")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--keda", action="store_true", help="serve scaled objects")
    parser.add_argument("--metrics", choices=["served", "absent", "broken"], default="served")
    parser.add_argument("--empty", action="store_true", help="without the gateway")
    return parser.parse_args()


def main() -> None:
    """Until a signal."""
    said = arguments()
    stopped = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: stopped.set())
    with (
        tempfile.TemporaryDirectory() as place,
        Kubernetes.start(
            port=said.port, age=said.age, nodes=said.nodes, keda=said.keda, metrics=said.metrics
        ) as cluster,
    ):
        if not said.empty:
            demo.furnish(cluster)
        namespace = "default" if said.empty else demo.NAMESPACE
        path = cluster.kubeconfig(said.kubeconfig or Path(place) / "kubeconfig", namespace=namespace)
        print(f"export KUBECONFIG={path}", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
