"""The command line: serving, what can be done with a configuration file, and with that of a running gateway."""

from __future__ import annotations

import getpass
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
import yaml

from gateway import __version__, config_diff, config_file
from gateway.config_source import ConfigSource, Overrides
from gateway.remote import Remote, RemoteError
from gateway.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", help="The configuration: a file (YAML), or the directory of a ConfigMap.")
]
PortOption = Annotated[int | None, typer.Option(min=0, max=65_535, help="Instead of the configured one; 0: any.")]
WithParentOption = Annotated[bool, typer.Option("--with-parent", help="End when standard input ends.")]
WorkersOption = Annotated[int | None, typer.Option(min=1, max=256, help="Instead of workers.count.")]
AdminOption = Annotated[
    str, typer.Option("--admin", envvar="GATEWAY_ADMIN_URL", help="The admin API; its token is GATEWAY_ADMIN_TOKEN.")
]
ReasonOption = Annotated[str, typer.Option("--reason", "-m", help="Why; it is recorded.")]
NumberArgument = Annotated[int, typer.Argument(min=1, help="The number of the configuration.")]

_ADMIN = "http://127.0.0.1:9901"


@app.command()
def serve(
    config: ConfigPath = Path("config/gateway.yaml"),
    port: PortOption = None,
    admin_port: PortOption = None,
    workers: WorkersOption = None,
    with_parent: WithParentOption = False,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; SIGHUP loads its configuration anew."""
    # Only who serves loads what serving needs, the admin API above all: checking a configuration does not.
    from gateway.supervisor.serving import StartError
    from gateway.supervisor.serving import serve as serve_gateway

    source = ConfigSource(config, dict(os.environ), _given(port, admin_port, workers))
    settings = _loaded(source)
    if with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        uvloop.run(serve_gateway(settings, source))
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
    source = ConfigSource(config, os.environ)
    settings = _loaded(source)
    typer.echo(f"# {config}: valid, version {config_file.version_of(settings)}")
    for words in source.misplaced():
        typer.echo(f"# warning: {words}")
    tracing = settings.observability.tracing
    if tracing.enabled:
        meant = "" if tracing.endpoint == tracing.otlp_endpoint else f", for {tracing.endpoint}"
        typer.echo(f"# traces go to {tracing.otlp_endpoint}{meant}")
    typer.echo(yaml.safe_dump(config_file.masked(settings), sort_keys=False), nl=False)


@app.command()
def diff(
    config: ConfigPath = Path("config/gateway.yaml"),
    other: Annotated[Path | None, typer.Argument(help="An earlier file; without it, the running gateway.")] = None,
    admin: AdminOption = _ADMIN,
) -> None:
    """Print what a configuration changes of another, or of the running gateway. Status 1 where anything differs."""
    settings = _loaded(ConfigSource(config, os.environ), 2)
    if other is not None:
        found = config_diff.differences(_loaded(ConfigSource(other, os.environ), 2), settings)
    else:
        running = _remote(admin, "get", "/admin/config", status=2)["config"]
        found = list(config_diff.of_documents(running, config_file.masked(settings)))
    for one in found:
        typer.echo(config_diff.told(one))
    raise typer.Exit(1 if found else 0)


@app.command()
def show(
    number: Annotated[int | None, typer.Argument(min=1, help="An earlier one; without it, the one that holds.")] = None,
    admin: AdminOption = _ADMIN,
) -> None:
    """Print the configuration of the running gateway, secrets masked, and what is known of it."""
    path = "/admin/config" if number is None else f"/admin/config/versions/{number}"
    found = _remote(admin, "get", path)
    settings = found.pop("config")
    for name, value in found.items():
        typer.echo(f"# {name}: {json.dumps(value)}")
    typer.echo(yaml.safe_dump(settings, sort_keys=False), nl=False)


@app.command()
def history(admin: AdminOption = _ADMIN) -> None:
    """Print the configurations of the running gateway, the newest first, and what each has changed."""
    versions = _remote(admin, "get", "/admin/config/versions")["versions"]
    for newer, older in zip(versions, [*versions[1:], None], strict=True):
        words = (newer["loaded_at"], newer["version"], newer["cause"], newer["actor"], newer["reason"])
        typer.echo(f"{newer['number']}  {'  '.join(words)}")
        if older is not None:
            found = _remote(admin, "get", f"/admin/config/diff?from={older['number']}&to={newer['number']}")
            for change in found["changes"]:
                typer.echo(f"    {config_diff.told(config_diff.Difference(**change))}")


@app.command()
def reload(reason: ReasonOption = "", admin: AdminOption = _ADMIN) -> None:
    """Have the running gateway load its configuration anew."""
    _tell_change(_remote(admin, "post", "/admin/config/reload", {"actor": getpass.getuser(), "reason": reason}))


@app.command()
def rollback(number: NumberArgument, reason: ReasonOption = "", admin: AdminOption = _ADMIN) -> None:
    """Have the running gateway go back to an earlier configuration; its file stays as it is."""
    body = {"number": number, "actor": getpass.getuser(), "reason": reason}
    done = _remote(admin, "post", "/admin/config/rollback", body)
    _tell_change(done)
    if done["result"] == "unchanged" and done["number"] != number:
        typer.echo(f"    {number} is no different, but for keys that are overridden for a while")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    from gateway.schema import config_schema

    typer.echo(json.dumps(config_schema(), indent=2))


@app.command()
def openapi(admin: AdminOption = _ADMIN) -> None:
    """Print the description (OpenAPI) of the running gateway's admin API."""
    typer.echo(json.dumps(_remote(admin, "get", "/admin/openapi.json"), indent=2))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _tell_change(done: dict[str, Any]) -> None:
    typer.echo(f"{done['result']}: number {done['number']}, version {done['version']}")
    for change in done["changes"]:
        typer.echo(f"    {config_diff.told(config_diff.Difference(**change))}")


def _remote(
    admin: str, method: str, path: str, body: dict[str, Any] | None = None, *, status: int = 1
) -> dict[str, Any]:
    try:
        remote = Remote(admin, os.environ.get("GATEWAY_ADMIN_TOKEN", ""))
        return remote.get(path) if method == "get" else remote.post(path, body or {})
    except RemoteError as error:
        raise _failed(str(error), status) from None


def _loaded(source: ConfigSource, status: int = 1) -> Settings:
    try:
        return source.load()
    except config_file.ConfigError as error:
        raise _failed(str(error), status) from None


def _given(port: int | None, admin_port: int | None, workers: int | None) -> Overrides:
    given = {"server": {"port": port}, "admin": {"port": admin_port}, "workers": {"count": workers}}
    return {section: values for section, values in given.items() if None not in values.values()}


def _failed(message: str, status: int = 1) -> typer.Exit:
    for line in message.splitlines():
        typer.echo(f"tocsin-gateway: {line}", err=True)
    return typer.Exit(code=status)


def main() -> None:
    """The console script."""
    app()
