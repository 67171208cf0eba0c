"""Rules say what becomes of an alert. The first that matches decides; an alert that none matches is suggested."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from commands.domain.alert import Alert, Then
from commands.domain.severity import SEV1_TO_SEV4, Scheme, Severity
from commands.errors import Refusal


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


#: One pattern or several; `*` stands for any letters, and case makes no difference.
Patterns = Annotated[tuple[str, ...], BeforeValidator(_as_list)]


class Match(_Section):
    """What an alert must have: of each key that is given, one of the patterns."""

    receiver: Patterns = ()
    service: Patterns = ()
    severity: Patterns = ()
    title: Patterns = ()
    labels: dict[str, Patterns] = {}

    def fits(self, alert: Alert) -> bool:
        """Whether an alert has all of it."""
        wanted = {name: getattr(self, name) for name in ("receiver", "service", "severity", "title")}
        told = all(_one_of(patterns, getattr(alert, name)) for name, patterns in wanted.items() if patterns)
        return told and all(_one_of(patterns, alert.labels.get(name, "")) for name, patterns in self.labels.items())


def _one_of(patterns: tuple[str, ...], value: str) -> bool:
    return any(fnmatchcase(value.casefold(), pattern.casefold()) for pattern in patterns)


#: What a rule may run; more would be a script, not a first look.
MOST_LINES = 5


class Rule(_Section):
    """`severity`: of the incident; without one, what the sender's own word for it means in the scheme.

    `run`: commands for the channel of an incident that it declares. What only reads is answered there; what changes
    something becomes a plan, which people confirm.
    """

    name: str = Field(min_length=1, max_length=80)
    match: Match = Match()
    then: Then
    severity: str = ""
    run: Annotated[tuple[str, ...], Field(max_length=MOST_LINES)] = ()

    @field_validator("severity")
    @classmethod
    def _a_level(cls, word: str, info: ValidationInfo) -> str:
        scheme = info.context if isinstance(info.context, Scheme) else SEV1_TO_SEV4
        if not word:
            return word
        try:
            return scheme.parse(word).id
        except Refusal as refused:
            raise ValueError(refused.words()) from None

    @model_validator(mode="after")
    def _of_an_incident(self) -> Rule:
        if self.severity and self.then in {Then.IGNORE, Then.ATTACH}:
            raise ValueError(f"severity is for suggest and declare; {self.then} opens no incident")
        if self.run and self.then is not Then.DECLARE:
            raise ValueError(f"run is for declare; {self.then} opens no incident by itself")
        return self


class Rules(_Section):
    """The document."""

    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Rules:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two rules have the same name: {', '.join(twice)}")
        return self

    def verdict(self, alert: Alert, scheme: Scheme) -> Verdict:
        """What becomes of an alert."""
        rule = next((one for one in self.rules if one.match.fits(alert)), _NONE)
        return Verdict(rule.then, rule.severity or level_of(alert.severity, scheme).id, rule.name, rule.run)


class Verdict:
    """What the rules said of an alert: what to do, the level that it would have, by which rule, and what to run."""

    __slots__ = ("rule", "run", "severity", "then")

    def __init__(self, then: Then, severity: str, rule: str, run: tuple[str, ...]) -> None:
        self.then = then
        self.severity = severity
        self.rule = rule
        self.run = run


_NONE = Rule(name="(no rule matches)", then=Then.SUGGEST)

#: The words of senders, by the rank that they mean.
_WORDS = {
    1: ("critical", "fatal", "disaster", "emergency", "page", "alert", "availability"),
    2: ("error", "high", "major", "urgent", "err"),
    3: ("warning", "warn", "medium", "minor", "moderate", "average", "performance"),
    4: ("info", "information", "informational", "low", "none", "notice", "ok", "debug"),
}
_RANKS = {word: rank for rank, words in _WORDS.items() for word in words}
_UNKNOWN = 2


def level_of(hint: str, scheme: Scheme) -> Severity:
    """The level that a sender's word means; without one that is known, the second."""
    rank = _RANKS.get(hint.strip().casefold())
    if rank is None:
        try:
            return scheme.parse(hint)
        except Refusal:
            rank = _UNKNOWN
    levels = sorted(scheme.levels, key=lambda level: level.rank)
    return levels[min(rank, len(levels)) - 1]
