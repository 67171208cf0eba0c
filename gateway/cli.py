"""The command line: `tocsin-gateway serve` and `tocsin-gateway check`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
import yaml

from gateway import __version__, config_file
from gateway.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="The configuration file (YAML).")]
PortOption = Annotated[int | None, typer.Option(min=0, max=65_535, help="Instead of the configured one; 0: any.")]
WithParentOption = Annotated[bool, typer.Option("--with-parent", help="End when standard input ends.")]
WorkersOption = Annotated[int | None, typer.Option(min=1, max=256, help="Instead of workers.count.")]


@app.command()
def serve(
    config: ConfigPath = Path("config/gateway.yaml"),
    port: PortOption = None,
    admin_port: PortOption = None,
    workers: WorkersOption = None,
    with_parent: WithParentOption = False,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C."""
    # Only who serves loads what serving needs, the admin API above all: checking a configuration does not.
    from gateway.supervisor.serving import StartError
    from gateway.supervisor.serving import serve as serve_gateway

    settings = _overridden(_loaded(config), port, admin_port, workers)
    if with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        uvloop.run(serve_gateway(settings, config))
    except StartError as error:
        raise _failed(str(error)) from None


def _end_with_parent() -> None:
    """Whoever started this holds the other end of standard input: however they end, it ends with them."""
    while os.read(sys.stdin.fileno(), 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


@app.command()
def check(config: ConfigPath = Path("config/gateway.yaml")) -> None:
    """Validate a configuration and print what it comes to, secrets masked."""
    settings = _loaded(config)
    typer.echo(f"# {config}: valid, version {config_file.version_of(settings)}")
    typer.echo(yaml.safe_dump(config_file.masked(settings), sort_keys=False), nl=False)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _loaded(path: Path) -> Settings:
    try:
        return config_file.load(path, os.environ)
    except config_file.ConfigError as error:
        raise _failed(str(error)) from None


def _overridden(settings: Settings, port: int | None, admin_port: int | None, workers: int | None) -> Settings:
    changes: dict[str, dict[str, Any]] = {
        "server": {"port": port},
        "admin": {"port": admin_port},
        "workers": {"count": workers},
    }
    if workers is not None and not settings.workers.min <= workers <= settings.workers.max:
        limits = settings.workers
        raise _failed(f"--workers {workers} is not allowed: workers.min is {limits.min}, workers.max {limits.max}")
    updated = {
        section: getattr(settings, section).model_copy(
            update={name: value for name, value in values.items() if value is not None}
        )
        for section, values in changes.items()
    }
    return settings.model_copy(update=updated)


def _failed(message: str) -> typer.Exit:
    for line in message.splitlines():
        typer.echo(f"tocsin-gateway: {line}", err=True)
    return typer.Exit(code=1)


def main() -> None:
    """The console script."""
    app()
