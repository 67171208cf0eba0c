"""Whether a rule fits a question, and in plain words why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from commands.policy.document import Policy, Rule, Where
from commands.policy.question import Question


@dataclass(frozen=True)
class Misfit:
    """Why a rule does not fit. `unknown`: it may yet, once the target and the arguments are known."""

    kind: Literal["command", "who", "where", "when", "unknown"]
    words: str


def misfits(policy: Policy, rule: Rule, question: Question) -> list[Misfit]:
    """Every reason why a rule does not fit; none when it does."""
    return [
        *_command(rule, question),
        *_who(policy, rule, question),
        *(_where(rule.where, question) if rule.where else ()),
        *_when(policy, rule, question),
        *_arguments(rule, question),
    ]


def _command(rule: Rule, question: Question) -> Iterator[Misfit]:
    if not rule.is_about(question.command):
        yield Misfit("command", f"it is about {', '.join(rule.commands)}, not {' '.join(question.command)}")
    elif rule.classes and question.klass not in rule.classes:
        yield Misfit("command", f"it is about what is {' or '.join(rule.classes)}; this is {question.klass}")


def _who(policy: Policy, rule: Rule, question: Question) -> Iterator[Misfit]:
    if rule.who is None:
        return
    people = policy.people(rule.who)
    if not people.covers(question.person, question.incident):
        yield Misfit("who", f"it is for {people.words()}; {question.person.name} is none of them")


def _where(where: Where, question: Question) -> Iterator[Misfit]:
    yield from _target(where, question)
    if where.channels and not _any(where.channels, question.channel):
        yield Misfit("where", f"it is for {', '.join(f'#{name}' for name in where.channels)}, not #{question.channel}")
    platform = question.platform
    if where.platforms and not (_any(where.platforms, platform) or _any(where.platforms, platform.partition(":")[0])):
        yield Misfit("where", f"it is for {', '.join(where.platforms)}, not {platform}")
    yield from _incident(where, question)


def _target(where: Where, question: Question) -> Iterator[Misfit]:
    asked = (
        ("service", where.services, question.service),
        ("cluster", where.clusters, question.cluster),
        ("namespace", where.namespaces, question.namespace),
    )
    for what, allowed, found in asked:
        if allowed and not found:
            yield Misfit("unknown", f"it is for the {what} {' or '.join(allowed)}; this has none")
        elif allowed and not _any(allowed, found):
            yield Misfit("where", f"it is for the {what} {' or '.join(allowed)}, not {found}")


def _incident(where: Where, question: Question) -> Iterator[Misfit]:
    incident = question.incident if question.incident and question.incident.status.is_open else None
    if where.severity and incident is None:
        yield Misfit("where", f"it is for an open incident of {' or '.join(where.severity)}")
    elif where.severity and incident and incident.severity not in where.severity:
        yield Misfit(
            "where", f"it is for an open incident of {' or '.join(where.severity)}; this is {incident.severity}"
        )
    if where.incident is True and incident is None and not where.severity:
        yield Misfit("where", "it is for an open incident's channel")
    if where.incident is False and incident is not None:
        yield Misfit("where", f"it is for outside of incidents; this is {incident.id}")


def _when(policy: Policy, rule: Rule, question: Question) -> Iterator[Misfit]:
    if rule.when is None:
        return
    windows = {name: policy.windows[name] for name in (*rule.when.within, *rule.when.outside)}
    if rule.when.within and not any(windows[name].covers(question.now) for name in rule.when.within):
        open_at = " or ".join(f"{name} ({windows[name].words()})" for name in rule.when.within)
        yield Misfit("when", f"it holds within {open_at}, which is not now")
    for name in rule.when.outside:
        if windows[name].covers(question.now):
            yield Misfit("when", f"it holds outside {name} ({windows[name].words()}), which is now")


def _arguments(rule: Rule, question: Question) -> Iterator[Misfit]:
    for name, bound in rule.arguments.items():
        if name not in question.arguments:
            yield Misfit("unknown", f"it is for {name} {bound.words()}; none is given")
        elif not bound.allows(question.arguments[name]):
            yield Misfit("where", f"it is for {name} {bound.words()}; it is {question.arguments[name]}")


def _any(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
