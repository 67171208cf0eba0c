"""`tocsin`: run the bot, look at its settings, its audit, the demo and the drill."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
import uvloop

from bot.findings import Finding
from bot.settings import Settings, SettingsError, load, load_apart_from_platforms, shown
from bot.store.errors import AlreadyRunning, StoreUnavailable

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Incident response from chat.", pretty_exceptions_enable=False
)
config_app = typer.Typer(no_args_is_help=True, help="The settings.")
console_app = typer.Typer(no_args_is_help=True, help="The web console.")
audit_app = typer.Typer(no_args_is_help=True, help="The audit.")
app.add_typer(config_app, name="config")
app.add_typer(console_app, name="console")
app.add_typer(audit_app, name="audit")
policy_app = typer.Typer(no_args_is_help=True, help="The policy of changes.")
app.add_typer(policy_app, name="policy")
slack_app = typer.Typer(no_args_is_help=True, help="Slack: install it, and find out what is wrong.")
app.add_typer(slack_app, name="slack")
k8s_app = typer.Typer(no_args_is_help=True, help="Kubernetes: the rights that Tocsin needs, and what is wrong.")
app.add_typer(k8s_app, name="k8s")

AuditForm = Literal["jsonl", "csv"]
ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", help="settings file; default config/tocsin.yaml")]


def fail(message: str) -> NoReturn:
    """One clear message, no traceback."""
    print(message, file=sys.stderr)
    raise SystemExit(1)


def _load(config: Path | None, how: Callable[[Path | None], Settings] = load) -> Settings:
    try:
        return how(config)
    except SettingsError as error:
        fail(str(error))


def set_up_logging(level: str) -> None:
    """Plain lines on stderr."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)


@app.command()
def serve(config: ConfigFile = None) -> None:
    """Run the bot with its console."""
    from bot.serve import serve as serve_forever

    settings = _load(config)
    set_up_logging(settings.log_level)
    try:
        uvloop.run(serve_forever(settings))
    except (SettingsError, AlreadyRunning, StoreUnavailable) as error:
        fail(str(error))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="port of the console; 0 takes a free one")] = 8700,
    workers: Annotated[int, typer.Option(help="how many gateway workers to start with")] = 3,
    any_port: Annotated[bool, typer.Option("--any-port", help="take a free port when the wanted one is busy")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="forget the incidents of earlier demos")] = False,
) -> None:
    """Gateway, upstream, load and bot on this machine; prints the address of the console; Ctrl-C ends all."""
    from bot.demo.run import DemoError
    from bot.demo.run import demo as run_demo

    try:
        run_demo(port=port, workers=workers, any_port=any_port, fresh=fresh)
    except (DemoError, SettingsError, AlreadyRunning, StoreUnavailable) as error:
        fail(str(error))


@app.command()
def drill(
    directory: Annotated[Path, typer.Option(help="where the transcript and the postmortem go")] = Path("var/drill"),
) -> None:
    """An incident from detection to postmortem, unattended, on real processes."""
    from bot.demo.drill import drill as run_drill
    from bot.demo.run import DemoError

    try:
        raise SystemExit(run_drill(directory))
    except (DemoError, SettingsError, AlreadyRunning, StoreUnavailable) as error:
        fail(str(error))


@config_app.command("show")
def config_show(config: ConfigFile = None) -> None:
    """Print the effective settings; secrets are masked."""
    print(shown(_load(config)), end="")


@console_app.command("hash-password")
def hash_password() -> None:
    """Ask for a password and print its hash, for console.passwords."""
    from bot.platforms.console.settings import hash_password as hashed

    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    print(hashed(password))


@audit_app.command("verify")
def audit_verify(
    file: Annotated[Path | None, typer.Argument(help="an export; the database when left out")] = None,
    config: ConfigFile = None,
) -> None:
    """Walk the audit's hash chain and hold it against its anchors; exits 1 when it was changed."""
    from bot.anchoring.desk import said, verified, verified_file
    from bot.anchoring.exporting import NoExport
    from bot.anchoring.signing import AnchorError

    settings = _load(config)
    try:
        report = verified_file(settings, file) if file else verified(settings)
    except (StoreUnavailable, AnchorError, NoExport, OSError) as error:
        fail(str(error))
    if report.broken_at is not None:
        fail(f"The audit was changed: entry {report.broken_at}: {report.why}.")
    print(said(report))
    if report.trouble:
        raise SystemExit(1)


@audit_app.command("export")
def audit_export(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="a new file; standard output when left out")] = None,
    form: Annotated[
        AuditForm, typer.Option("--format", help="lines of JSON, which can be verified, or a table")
    ] = "jsonl",
    since: Annotated[datetime | None, typer.Option(help="from this time on, UTC")] = None,
    until: Annotated[datetime | None, typer.Option(help="before this time, UTC")] = None,
    config: ConfigFile = None,
) -> None:
    """Write the audit's entries, for auditors."""
    from bot.anchoring.desk import export

    settings = _load(config)
    begin, end = (one.replace(tzinfo=one.tzinfo or UTC) if one else None for one in (since, until))
    try:
        with out.open("x", encoding="utf-8") if out else contextlib.nullcontext(sys.stdout) as to:
            count = export(settings, to, form, since=begin, until=end)
    except (StoreUnavailable, OSError) as error:
        fail(str(error))
    print(f"{count} entries", file=sys.stderr)


@audit_app.command("key")
def audit_key(config: ConfigFile = None) -> None:
    """Print the public key that the anchors of the audit are signed with."""
    from bot.anchoring.desk import public_key
    from bot.anchoring.signing import AnchorError

    try:
        key = public_key(_load(config))
    except AnchorError as error:
        fail(str(error))
    if not key:
        fail("The audit is not anchored: set audit.anchor to a file or to s3://bucket/prefix.")
    print(key, end="")


PolicyFile = Annotated[Path | None, typer.Argument(help="a policy; that of the settings when left out")]


@policy_app.command("show")
def policy_show(file: PolicyFile = None, config: ConfigFile = None) -> None:
    """Print the rules in words; exits 1 when the file is wrong."""
    from bot.policy_cases import show
    from bot.policy_file import PolicyError

    try:
        for line in show(file, _load(config, load_apart_from_platforms)):
            print(line)
    except PolicyError as error:
        fail(str(error))


@policy_app.command("test")
def policy_test(file: PolicyFile = None, config: ConfigFile = None) -> None:
    """Ask the policy the cases that are kept beside it (policy.cases.yaml); exits 1 when one is not as expected."""
    from bot.policy_cases import examine
    from bot.policy_file import PolicyError

    try:
        tested = examine(file, _load(config, load_apart_from_platforms))
    except PolicyError as error:
        fail(str(error))
    for line in tested.lines:
        print(line)
    if tested.failed:
        raise SystemExit(1)


@slack_app.command("manifest")
def slack_manifest(
    config: ConfigFile = None,
    http: Annotated[str, typer.Option("--http", metavar="URL", help="by signed HTTP at this https:// address")] = "",
    rotation: Annotated[bool, typer.Option("--token-rotation", help="tokens that run out; needs OAuth")] = False,
) -> None:
    """Print the manifest that Slack makes the app from, as the settings have it."""
    from bot.platforms.slack.manifest import Wanted, as_yaml, wanted
    from commands.registry import discover

    chosen = Wanted(http.rstrip("/"), sockets=False) if http else wanted(_load(config, load_apart_from_platforms))
    if not chosen.sockets and not chosen.address.startswith("https://"):
        fail("Slack needs an address that begins with https://: --http https://HOST, or platforms.slack.public_url.")
    print(as_yaml(discover(), replace(chosen, token_rotation=rotation or chosen.token_rotation)), end="")


@slack_app.command("doctor")
def slack_doctor(config: ConfigFile = None) -> None:
    """Look at tokens, scopes, channels, people, clock and database, and say what to do; exits 1 when one is wrong."""
    from bot.platforms.slack.doctor import examine

    _tell(examine(_load(config, load_apart_from_platforms)))


@k8s_app.command("doctor")
def k8s_doctor(config: ConfigFile = None) -> None:
    """Look at clusters, versions, clocks and rights, and say what to do; exits 1 when something is wrong."""
    from bot.adapters.kubernetes.doctor import examine

    _tell(examine(_load(config, load_apart_from_platforms)))


@k8s_app.command("rbac")
def k8s_rbac(
    namespace: Annotated[str, typer.Option(help="where the gateway runs")] = "gateway",
    home: Annotated[str, typer.Option(help="where Tocsin runs, if elsewhere")] = "",
    account: Annotated[str, typer.Option(help="the service account of Tocsin")] = "tocsin",
    impersonate: Annotated[bool, typer.Option("--impersonate", help="changes are made as the person who asks")] = False,
    drain: Annotated[bool, typer.Option("--drain", help="it may cordon and drain nodes, and evict any pod")] = False,
    nodes: Annotated[bool, typer.Option("--nodes", help="it may list the nodes of the cluster")] = False,
    certs: Annotated[bool, typer.Option("--certs", help="it may list the secrets, for /gw certs")] = False,
) -> None:
    """Print the service account and the least Role that Tocsin needs, for `kubectl apply -f -`."""
    from bot.adapters.kubernetes.access import manifest

    asked = {"impersonate": impersonate, "nodes": nodes, "certs": certs, "drain": drain}
    print(manifest(namespace, account=account, home=home, **asked), end="")


def _tell(findings: AsyncIterator[Finding]) -> None:
    """Print them as they come; exit 1 when one failed."""

    async def run() -> bool:
        well = True
        async for finding in findings:
            print(finding, flush=True)
            well = well and not finding.failed
        return well

    if not uvloop.run(run()):
        raise SystemExit(1)


def main() -> None:
    """The console script."""
    app()
