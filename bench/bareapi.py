"""The official client by itself: it sends what Tocsin sent, one request after the other, and nothing else."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any

from kubernetes import client, config

from bench.client import BenchError

_LOG = re.compile(r"/pods/[^/]+/log$")


class BareApi:
    """One connection, as Tocsin's own service account."""

    def __init__(self, kubeconfig: Path, workers: int) -> None:
        made: Any = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=made, persist_config=False)
        self._client: Any = client.ApiClient(made)
        self._workers = workers

    def __enter__(self) -> BareApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def send(self, asked: Sequence[dict[str, Any]]) -> float:
        """The same requests; the seconds that all of them took. Changes go to a number of workers of its own."""
        total, pods = 0.0, self._pods(asked)
        for one in asked:
            body = self._fresh(one) if one["changes"] else one["body"]
            path = _LOG.sub(f"/pods/{next(pods)}/log", one["path"]) if _LOG.search(one["path"]) else one["path"]
            began = time.perf_counter()
            status, _ = self._ask(one["method"], path, one["query"], body, one["kind"])
            total += time.perf_counter() - began
            if status != one["status"]:
                raise BenchError(f"{one['what']}: {status} instead of {one['status']}")
        return total

    def _pods(self, asked: Sequence[dict[str, Any]]) -> Iterator[str]:
        """Those that live now: some whose logs were read may have gone with the change."""
        logs = next((one["path"] for one in asked if _LOG.search(one["path"])), "")
        if not logs:
            return iter(())
        _, found = self._ask("GET", logs.rpartition("/pods/")[0] + "/pods", {})
        running = [one["metadata"]["name"] for one in found["items"] if one["status"]["phase"] == "Running"]
        return cycle(running)

    def _fresh(self, one: dict[str, Any]) -> dict[str, Any]:
        """A change holds for the object as it was read, and that is another one by now."""
        _, known = self._ask("GET", one["path"], {})
        meta = {**one["body"]["metadata"], "resourceVersion": known["metadata"]["resourceVersion"]}
        more = {"spec": {"replicas": self._workers}} if "replicas" in one["body"].get("spec", {}) else {}
        return {**one["body"], "metadata": meta, **more}

    def _ask(self, method: str, path: str, query: dict[str, str], body: Any = None, kind: str = "") -> tuple[int, Any]:
        """The status, and what a JSON answer says."""
        headers = {"Accept": "application/json, */*", "Content-Type": kind or "application/json"}
        how = {"auth_settings": ["BearerToken"]}
        request = self._client.param_serialize(method, path, {}, list(query.items()), headers, body, **how)
        answer = self._client.call_api(*request)
        content = answer.read()
        is_json = "json" in answer.headers.get("content-type", "")
        return int(answer.status), json.loads(content) if is_json else content
