"""From what a file holds to a policy whose names all mean something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from commands.policy.document import CLASSES, Policy, Rule, Surroundings, matches
from commands.policy.people import Who

Place = tuple[str | int, ...]
#: As pydantic takes the mistakes that it did not find itself.
Flaw = dict[str, Any]


def read(content: Any, surroundings: Surroundings | None = None) -> Policy:
    """Read a policy.

    Raises:
        ValidationError: unknown keys, wrong values, and names of people sets, windows, commands or arguments that
            there are not; each with its place.
    """
    around = surroundings or Surroundings()
    policy = Policy.model_validate(content, context=around)
    flaws: list[Any] = [] if policy.rules else [_flaw(("rules",), [], "there is none; without one, nothing may change")]
    flaws += [flaw for number, rule in enumerate(policy.rules) for flaw in _flaws(policy, number, rule, around)]
    if flaws:
        raise ValidationError.from_exception_data("Policy", flaws)
    return policy


def _flaws(policy: Policy, number: int, rule: Rule, around: Surroundings) -> Iterator[Flaw]:
    at: Place = ("rules", number)
    if rule.name in {earlier.name for earlier in policy.rules[:number]}:
        yield _flaw((*at, "name"), rule.name, "another rule has this name; names must differ")
    yield from _unknown_sets(policy, rule.who, (*at, "who"))
    yield from _unknown_sets(policy, rule.approvals.who if rule.approvals else None, (*at, "approvals", "who"))
    for key, names in (("within", rule.when.within), ("outside", rule.when.outside)) if rule.when else ():
        yield from _unknown(names, list(policy.windows), (*at, "when", key), "window")
    if around.commands:
        yield from _idle(rule, around, at)


def _unknown_sets(policy: Policy, who: Who | None, at: Place) -> Iterator[Flaw]:
    yield from _unknown(who.sets if who else (), list(policy.people_sets), (*at, "sets"), "set of people")


def _unknown(names: Sequence[str], known: list[str], at: Place, what: str) -> Iterator[Flaw]:
    for number, name in enumerate(names):
        if name not in known:
            yield _flaw((*at, number), name, f"there is no such {what}; defined: {', '.join(known) or 'none'}")


def _idle(rule: Rule, around: Surroundings, at: Place) -> Iterator[Flaw]:
    """A mistyped command or argument would never bind anybody."""
    governed = {path: names for path, (klass, names) in around.commands.items() if klass in CLASSES}
    for number, pattern in enumerate(rule.commands):
        if not any(matches(pattern, path) for path in governed):
            families = ", ".join(sorted({path[0] for path in governed}))
            yield _flaw(
                (*at, "commands", number),
                pattern,
                f"no command that a policy decides is called so; families: {families}",
            )
    taken = sorted({name for path, names in governed.items() if rule.is_about(path) for name in names})
    for key, bounds in (("arguments", rule.arguments), ("limits", rule.limits)):
        for name in bounds:
            if name not in taken:
                said = f"no command of this rule has such an argument; they have: {', '.join(taken) or 'none'}"
                yield _flaw((*at, key), name, said)


def _flaw(at: Place, value: Any, said: str) -> Flaw:
    return {"type": "value_error", "loc": at, "input": value, "ctx": {"error": ValueError(said)}}
