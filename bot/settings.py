"""The settings: one YAML file, then the environment. `config/tocsin.yaml` documents every key.

An environment variable is `TOCSIN_` and the key, with two underscores between levels:
`TOCSIN_CONSOLE__PORT=8701`. It wins over the file.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from pydantic_settings import SettingsError as UnreadableSource

from bot.adapters.kubernetes.settings import KubernetesSettings
from bot.adapters.prometheus import PrometheusSettings
from bot.alerts.settings import AlertSettings
from bot.anchoring.settings import AuditSettings
from bot.drills import DrillSettings
from bot.engine.settings import PolicySettings, VerifySettings
from bot.errands import IntegrationSettings
from bot.explaining import PREFIX, explain, of_kubernetes, where_from
from bot.exporting.settings import ConfluenceSettings
from bot.paging.settings import PAGERS, PagingSettings
from bot.platforms.console.settings import ConsoleSettings
from bot.public.settings import StatusPageSettings
from bot.reports import ReportSettings
from bot.sections import (
    AdapterSettings,
    ClockSettings,
    GatewaySettings,
    Section,
    StoreSettings,
    WatchSettings,
)
from bot.store.database import check_url
from bot.world.settings import MailSettings, StakeholderSettings, check_stakeholders
from bot.world.ticket_settings import TicketSettings
from commands.domain.page import Paging
from commands.domain.period import ReportKind
from commands.domain.severity import PRESETS, Figures, Scheme, Severity
from commands.domain.sli import Objectives
from commands.domain.stakeholder import Place
from commands.errors import Malformed
from commands.people import SYSTEM, OrgRole, Person
from commands.ports import Bookmark
from commands.redaction import redact_value

DEFAULT_FILE = Path("config/tocsin.yaml")
#: Bytes of a secret that signs: fewer can be guessed.
SHORTEST_SECRET = 16


class SettingsError(Exception):
    """The settings are wrong; the message names the key, the value, what is allowed and where it came from."""


def _no_incident(name: str) -> str:
    if re.fullmatch(r"incident-\d{8}-\d+", name):
        raise ValueError(f"{name!r} is the name of an incident's channel; give it another")
    return name


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())  # reads hundreds of files


def _known_zone(zone: str) -> str:
    if zone not in _zones():
        raise ValueError(f"{zone!r} is no time zone; write it as Europe/Berlin or America/New_York")
    return zone


Zone = Annotated[str, AfterValidator(_known_zone)]
PlaceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,62}$")]
ChannelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,78}$"), AfterValidator(_no_incident)]


class LevelSettings(Section):
    """One severity of an own scheme; times in minutes."""

    id: str
    name: str
    criteria: str = ""
    respond_within_minutes: float
    update_every_minutes: float | None = None
    escalate_after_minutes: float | None = None
    aliases: tuple[str, ...] = ()
    figures: Figures | None = None


class PersonSettings(Section):
    """Somebody who may use Tocsin."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    name: str
    title: str = ""
    roles: tuple[OrgRole, ...] = (OrgRole.RESPONDER,)
    timezone: Zone = "UTC"
    phone: str = ""
    email: str = ""
    accounts: dict[str, str] = Field(default_factory=dict)


class Settings(BaseSettings):
    """Every key. Unknown ones are errors."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    database_url: str = "sqlite:///var/tocsin.db"
    secret: SecretStr = SecretStr("")
    timezone: Zone = "UTC"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    severity_scheme: str = "sev1-sev4"
    severities: tuple[LevelSettings, ...] = ()
    postmortem_template: str = "002"
    announce_in: ChannelName = "incidents"
    channels: tuple[ChannelName, ...] = ("general",)
    people: tuple[PersonSettings, ...] = ()
    on_call: dict[str, tuple[str, ...]] = {}
    bookmarks: tuple[Bookmark, ...] = ()
    invite: dict[str, tuple[str, ...]] = {}
    checklists: dict[str, Annotated[tuple[str, ...], Field(max_length=20)]] = {}
    address: str = ""
    console: ConsoleSettings = ConsoleSettings()
    platforms: dict[str, dict[str, Any]] = {}
    gateway: GatewaySettings = GatewaySettings()
    kubernetes: KubernetesSettings = KubernetesSettings()
    prometheus: PrometheusSettings = PrometheusSettings()
    adapters: AdapterSettings = AdapterSettings()
    policy: PolicySettings = PolicySettings()
    audit: AuditSettings = AuditSettings()
    objectives: Objectives = Objectives()
    verify: VerifySettings = VerifySettings()
    watch: WatchSettings = WatchSettings()
    alerts: AlertSettings = AlertSettings()
    clocks: ClockSettings = ClockSettings()
    paging: PagingSettings = PagingSettings()
    status_page: StatusPageSettings = StatusPageSettings()
    drills: DrillSettings = DrillSettings()
    integrations: IntegrationSettings = IntegrationSettings()
    stakeholders: dict[PlaceName, StakeholderSettings] = {}
    mail: MailSettings = MailSettings()
    tickets: TicketSettings = TicketSettings()
    confluence: ConfluenceSettings = ConfluenceSettings()
    reports: dict[ReportKind, ReportSettings] = {}
    store: StoreSettings = StoreSettings()

    @field_validator("secret")
    @classmethod
    def _hard_to_guess(cls, secret: SecretStr) -> SecretStr:
        length = len(secret.get_secret_value().encode())
        if 0 < length < SHORTEST_SECRET:
            raise ValueError(f"it has {length} bytes; {SHORTEST_SECRET} or more are allowed, or none for a random one")
        return secret

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        check_url(url)
        return url

    @field_validator("severity_scheme")
    @classmethod
    def _known_scheme(cls, name: str) -> str:
        if name not in PRESETS and name != "own":
            raise ValueError(f"{name!r} is no scheme; allowed: {', '.join(PRESETS)}, own")
        return name

    @field_validator("postmortem_template")
    @classmethod
    def _known_template(cls, name: str) -> str:
        from templates.render import names

        if name not in names():
            raise ValueError(f"{name!r} is no template; allowed: {', '.join(names())}")
        return name

    @model_validator(mode="after")
    def _people_exist(self) -> Settings:
        ids = [person.id for person in self.people]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"people: two have the same id: {', '.join(twice)}")
        if SYSTEM.id in ids:
            raise ValueError(f"people: {SYSTEM.id} is the bot itself; give the person another id")
        for service, duty in self.on_call.items():
            missing = [person for person in duty if person not in ids]
            if missing:
                raise ValueError(f"on_call.{service} names {', '.join(missing)}, who is not among people")
        called = [one for level in self.clocks.escalation for one in level.people if one not in ids]
        if called:
            raise ValueError(f"clocks.escalation names {', '.join(called)}, who is not among people")
        strangers = [person for person in self.console.passwords if person not in ids]
        if strangers:
            raise ValueError(f"console.passwords names {', '.join(strangers)}, who is not among people")
        return self

    @model_validator(mode="after")
    def _clusters_exist(self) -> Settings:
        self.gateway.kubernetes.check(self.kubernetes)
        return self

    @model_validator(mode="after")
    def _scheme_is_whole(self) -> Settings:
        if self.severity_scheme == "own" and not self.severities:
            raise ValueError("severity_scheme is own, but severities is empty")
        scheme = self.scheme()
        try:
            scheme.parse(self.watch.severity or scheme.worst.id)
        except Malformed as refused:
            raise ValueError(f"watch.severity: {refused.words()}") from None
        self.paging.check([person.id for person in self.people], scheme)
        return self

    @model_validator(mode="after")
    def _stakeholders_fit(self) -> Settings:
        check_stakeholders(self.stakeholders, self.mail, self.scheme())
        self.tickets.desks(self.scheme())
        self.drills.known(self.scheme())
        return self

    def scheme(self) -> Scheme:
        """The severities in force."""
        if self.severity_scheme != "own":
            return PRESETS[self.severity_scheme]
        return Scheme(name="own", levels=tuple(_level(rank, one) for rank, one in enumerate(self.severities, start=1)))

    def persons(self) -> list[Person]:
        """The people, as the core knows them."""
        return [Person.model_validate(one.model_dump(exclude={"accounts"})) for one in self.people]

    def how_people_are_paged(self) -> Paging:
        """As the core knows it; a pager that is the adapter of on_call says who is on duty."""
        return self.paging.paging(self.on_call, self.scheme(), decides=self.adapters.on_call in PAGERS)

    def places(self) -> tuple[Place, ...]:
        """Who is told how incidents go, as the core knows them."""
        return tuple(one.place(name, self.scheme()) for name, one in self.stakeholders.items())

    def accounts(self) -> dict[str, dict[str, str]]:
        """Whose account is whose, by platform: the account's id, the person's id."""
        found: dict[str, dict[str, str]] = {}
        for person in self.people:
            for platform, account in person.accounts.items():
                found.setdefault(platform, {})[account] = person.id
        return found

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments of the command line, then the environment, then the file."""
        return (init_settings, env_settings, _file_source(settings_cls))


class _CurrentFile:
    """The file that `load` is reading; pydantic-settings asks for sources by class, not by call."""

    path: Path | None = None


def _file_source(settings_cls: type[BaseSettings]) -> PydanticBaseSettingsSource:
    return YamlConfigSettingsSource(settings_cls, yaml_file=_CurrentFile.path)


def _level(rank: int, one: LevelSettings) -> Severity:
    def minutes(value: float | None) -> timedelta | None:
        return None if value is None else timedelta(minutes=value)

    return Severity(
        id=one.id,
        rank=rank,
        name=one.name,
        criteria=one.criteria,
        aliases=one.aliases,
        figures=one.figures,
        respond_within=timedelta(minutes=one.respond_within_minutes),
        update_every=minutes(one.update_every_minutes),
        escalate_after=minutes(one.escalate_after_minutes),
    )


def load(file: Path | None = None, **overrides: Any) -> Settings:
    """The effective settings: `overrides` (of the command line), environment, file, defaults.

    Raises:
        SettingsError: a file that cannot be read, an unknown key, a wrong value, also in a platform's section.
    """
    path = _path(file)
    settings = load_apart_from_platforms(path, **overrides)
    sections(settings, path)
    return settings


def _path(file: Path | None) -> Path | None:
    return file or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)


def load_apart_from_platforms(file: Path | None = None, **overrides: Any) -> Settings:
    """As `load`, while the sections of platforms may still be unfinished: for the commands that help to finish them."""
    path = _path(file)
    _check_file(path)
    _refuse_unknown_variables()
    _CurrentFile.path = path
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(explain(error, path, Settings)) from None
    except UnreadableSource as error:
        raise SettingsError(_explain_source(str(error))) from None
    finally:
        _CurrentFile.path = None


def sections(settings: Settings, path: Path | None = None) -> dict[str, BaseModel]:
    """The sections of the chat platforms, as those want them. Raises SettingsError for unknown or wrong ones."""
    if not settings.platforms:
        return {}
    from bot.platforms import discover

    known, found = discover(), dict[str, BaseModel]()
    for name, section in settings.platforms.items():
        if name not in known:
            allowed, source = ", ".join(sorted(known)) or "none yet", where_from(("platforms", name), path)
            raise SettingsError(f"platforms.{name}: there is no such platform ({source}). Allowed: {allowed}.")
        try:
            found[name] = known[name].section.model_validate(section)
        except ValidationError as error:
            raise SettingsError(explain(error, path, known[name].section, at=("platforms", name))) from None
    return found


def _check_file(path: Path | None) -> None:
    if path is None:
        return
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {path} is no YAML: {error}") from None
    if content is not None and not isinstance(content, dict):
        raise SettingsError(f"The settings file {path} must hold keys and values, not a {type(content).__name__}.")


def _refuse_unknown_variables() -> None:
    """A mistyped variable would be ignored in silence."""
    known = {name.upper() for name in Settings.model_fields}
    for name, value in os.environ.items():
        ours = name.startswith(PREFIX) and not of_kubernetes(name, value)
        if ours and name[len(PREFIX) :].split("__")[0].upper() not in known:
            allowed = ", ".join(sorted(PREFIX + one for one in known))
            raise SettingsError(f"The environment variable {name} is no setting. Allowed: {allowed}.")


def _explain_source(said: str) -> str:
    """A variable that holds a list or a map, but no JSON. What it holds is not shown: it may be a secret."""
    names = [name for name in Settings.model_fields if f'"{name}"' in said]
    variable = PREFIX + names[0].upper() if names else "a variable"
    return f'The environment variable {variable} is no JSON; lists and maps are written as ["a", "b"] or {{"a": 1}}.'


def shown(settings: Settings) -> str:
    """The effective values as YAML; secrets are masked."""
    values = settings.model_dump(mode="json")
    values["platforms"] = {name: one.model_dump(mode="json") for name, one in sections(settings).items()}
    return yaml.safe_dump(redact_value(values), sort_keys=False, allow_unicode=True)
