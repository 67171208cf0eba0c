"""The policy as people write it: named sets of people and windows, and rules in their order."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from commands.domain.severity import SEV1_TO_SEV4, Scheme, Severity
from commands.errors import Refusal
from commands.grammar.types import DurationType
from commands.policy.people import People, Section, Who
from commands.policy.windows import Window

Class = Literal["diagnostic", "mitigation", "dangerous"]
#: From the least to the most harm. Records, such as a note, are no matter of the policy.
CLASSES: tuple[Class, ...] = ("diagnostic", "mitigation", "dangerous")
MUTATIONS: tuple[str, ...] = ("mitigation", "dangerous")
LONGEST_LOOK_BACK = timedelta(days=7)


@dataclass(frozen=True)
class Surroundings:
    """What the words of a policy mean in an organisation: its severities, and the commands that there are.

    `commands`: the class and the arguments of each, by its path. Empty: whatever is written may exist.
    """

    scheme: Scheme = SEV1_TO_SEV4
    commands: Mapping[tuple[str, ...], tuple[str, frozenset[str]]] = field(default_factory=dict)


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("it is no duration; write it as 45s, 15m, 2h, 1h30m or 2d")
    try:
        span = DurationType().read(value, None)
    except Refusal as refused:
        raise ValueError(refused.words()) from None
    if span <= timedelta(0):
        raise ValueError("it must be longer than nothing")
    return span


def _level(value: Any, info: ValidationInfo) -> Any:
    """A level by any of its names becomes its id."""
    return _parsed(value, _scheme(info)).id if isinstance(value, str) and value else value


def _at_least(value: Any, info: ValidationInfo) -> Any:
    """A level by any of its names becomes the ids of that level and all worse ones."""
    if not isinstance(value, str):
        return value
    scheme = _scheme(info)
    rank = _parsed(value, scheme).rank
    return tuple(level.id for level in scheme.levels if level.rank <= rank)


def _scheme(info: ValidationInfo) -> Scheme:
    return (info.context if isinstance(info.context, Surroundings) else Surroundings()).scheme


def _parsed(word: str, scheme: Scheme) -> Severity:
    try:
        return scheme.parse(word)
    except Refusal as refused:
        raise ValueError(refused.words()) from None


def _pattern(value: Any) -> Any:
    """`/gw scale` is written `gw scale` too."""
    if not isinstance(value, str):
        return value
    pattern = " ".join(value.strip().removeprefix("/").casefold().split())
    if not re.fullmatch(r"\*|[a-z0-9-]+( [a-z0-9-]+)*( \*)?", pattern):
        raise ValueError('a command is written as "gw scale", a family as "gw *", all of them as "*"')
    return pattern


def _not_too_far_back(span: timedelta) -> timedelta:
    if span > LONGEST_LOOK_BACK:
        raise ValueError(f"at most {LONGEST_LOOK_BACK.days} days are looked back upon")
    return span


Duration = Annotated[timedelta, BeforeValidator(_duration)]
LookBack = Annotated[Duration, AfterValidator(_not_too_far_back)]
Level = Annotated[str, BeforeValidator(_level)]
AtLeast = Annotated[tuple[str, ...], BeforeValidator(_at_least)]
Pattern = Annotated[str, BeforeValidator(_pattern)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Scalar = int | float | str | bool


class Where(Section):
    """Where a command is asked and what it is about; each key that is given must fit. `*` stands for any letters."""

    services: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    incident: bool | None = None
    severity: AtLeast = ()


class When(Section):
    """Windows of the policy by name: within one of those, and outside all of these."""

    within: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> When:
        if not (self.within or self.outside):
            raise ValueError("it says nothing; give within or outside, or leave it out")
        return self


class Bound(Section):
    """What an argument may be: a number from `min` to `max`, or one of `values`."""

    min: float | None = None
    max: float | None = None
    values: tuple[Scalar, ...] | None = None

    def allows(self, value: Any) -> bool:
        """Whether a value is allowed. Where numbers are bounded, what is no number is not."""
        if self.values is not None and str(value) not in {str(one) for one in self.values}:
            return False
        if self.min is None and self.max is None:
            return True
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    def narrowed(self, other: Bound) -> Bound:
        """What both allow."""
        lows = [one for one in (self.min, other.min) if one is not None]
        highs = [one for one in (self.max, other.max) if one is not None]
        return Bound(
            min=max(lows, default=None), max=min(highs, default=None), values=_shared(self.values, other.values)
        )

    def words(self) -> str:
        """`1 to 50`, `at least 1`, `one of a, b`."""
        parts = []
        if self.min is not None and self.max is not None:
            parts.append(f"{self.min:g} to {self.max:g}")
        elif self.min is not None:
            parts.append(f"at least {self.min:g}")
        elif self.max is not None:
            parts.append(f"at most {self.max:g}")
        if self.values is not None:
            parts.append(f"one of {', '.join(map(str, self.values))}" if self.values else "none")
        return " and ".join(parts)


def _shared(one: tuple[Scalar, ...] | None, other: tuple[Scalar, ...] | None) -> tuple[Scalar, ...] | None:
    if one is None or other is None:
        return one if other is None else other
    allowed = {str(value) for value in other}
    return tuple(value for value in one if str(value) in allowed)


class Blast(Section):
    """The budget: at most `percent` of a service's ready capacity is removed `within` a time, over all commands."""

    percent: float = Field(gt=0, le=100)
    within: LookBack


class Approvals(Section):
    """`count` people besides the one who asks must agree. Who may: `who`, else whoever the rule is for."""

    count: int = Field(ge=1, le=9)
    who: Who | None = None


class Rule(Section):
    """One rule. The first that fits a question answers it; of one that allows, the bounds hold then.

    `arguments` is a condition: only with such arguments does the rule fit. `limits` is a bound: a rule that fits
    refuses what is beyond.
    """

    name: Name
    effect: Literal["allow", "deny"]
    commands: tuple[Pattern, ...] = ()
    classes: tuple[Class, ...] = ()
    who: Who | None = None
    where: Where | None = None
    when: When | None = None
    arguments: dict[str, Bound] = Field(default_factory=dict)
    limits: dict[str, Bound] = Field(default_factory=dict)
    blast: Blast | None = None
    cooldown: LookBack | None = None
    approvals: Approvals | None = None
    lease: Duration | None = None
    treat_as: Class | None = None
    reason: str = Field(default="", max_length=300)
    ask: str = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _fits_its_effect(self) -> Rule:
        if not (self.commands or self.classes):
            raise ValueError("it is about nothing; give commands, classes or both")
        if self.effect == "allow" and self.who is None:
            raise ValueError("a rule that allows says who; for everybody write who: {anyone: true}")
        bounds = ("limits", "blast", "cooldown", "approvals", "lease", "treat_as")
        idle = [key for key in bounds if getattr(self, key)]
        if self.effect == "deny" and idle:
            raise ValueError(f"a rule that denies has no {', '.join(idle)}; those bound what a rule allows")
        return self

    @model_validator(mode="after")
    def _bounds_are_possible(self) -> Rule:
        for key, bounds in (("arguments", self.arguments), ("limits", self.limits)):
            for name, bound in bounds.items():
                if bound.min is None and bound.max is None and bound.values is None:
                    raise ValueError(f"{key}.{name} says nothing; give min, max or values")
                if bound.min is not None and bound.max is not None and bound.min > bound.max:
                    raise ValueError(f"{key}.{name}: min {bound.min:g} is more than max {bound.max:g}")
        return self

    def is_about(self, path: Sequence[str]) -> bool:
        """Whether one of the patterns names a command; no pattern names all."""
        return not self.commands or any(matches(pattern, path) for pattern in self.commands)


def matches(pattern: str, path: Sequence[str]) -> bool:
    """Whether a pattern names a command; `gw *` names the family."""
    words = pattern.split(" ")
    if words[-1] != "*":
        return words == list(path)
    return len(path) >= len(words) and list(path[: len(words) - 1]) == words[:-1]


class Policy(Section):
    """The whole file. What no rule fits is denied when it changes something, and else as its command says.

    `commands.policy.reading.read` makes one, and sees to it that what it names is there.
    """

    people_sets: dict[Name, People] = Field(default_factory=dict)
    windows: dict[Name, Window] = Field(default_factory=dict)
    rules: tuple[Rule, ...]
    ask: str = Field(default="", max_length=200)

    @cached_property
    def version(self) -> str:
        """A short hash of what it says: comments, order of keys and white space are not in it."""
        content = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    @cached_property
    def looks_back(self) -> timedelta:
        """The longest time over which a rule counts what was done; nothing where none does."""
        spans = [rule.cooldown for rule in self.rules] + [rule.blast.within for rule in self.rules if rule.blast]
        return max((span for span in spans if span), default=timedelta(0))

    def people(self, who: Who) -> People:
        """The people, with those of the sets."""
        return who.resolved(self.people_sets)
