"""`tocsin policy test` and `tocsin policy show`: the policy without a bot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.policies import PACKAGED
from bot.policy_file import PolicyError, cases_beside, default_text, parse, parse_cases, read_text, surroundings
from bot.settings import Settings
from commands.errors import Refusal
from commands.grammar.parser import parse_about
from commands.grammar.types import Vocabulary
from commands.people import Directory, Person
from commands.policy.cases import Case, Cases, Command, Result, run
from commands.policy.document import Policy, Surroundings
from commands.policy.words import rule_words
from commands.registry import Registry, discover


@dataclass(frozen=True)
class Tested:
    """What came of the cases, as lines to print."""

    lines: tuple[str, ...]
    failed: int


def show(file: Path | None, settings: Settings) -> Iterator[str]:
    """The rules in words. Raises PolicyError."""
    path = _path(file, settings)
    policy = _policy(path, surroundings(discover(), settings.scheme()))
    yield f"policy {policy.version}, from {path or PACKAGED}"
    for rule in policy.rules:
        yield f"\n{rule.name}"
        yield from (f"  {label}: {text}" for label, text in rule_words(policy, rule))


def examine(file: Path | None, settings: Settings) -> Tested:
    """Ask the policy each of the cases beside it. Raises PolicyError, also where there are none."""
    path, registry = _path(file, settings), discover()
    around = surroundings(registry, settings.scheme())
    policy, cases = _policy(path, around), _cases(path, around)
    results = list(run(policy, cases, _reader(registry, settings, cases), service=settings.gateway.name))
    failed = [result for result in results if result.differences]
    lines = [line for result in failed for line in _told(result)]
    count = f"{len(results)} {'case' if len(results) == 1 else 'cases'}"
    return Tested((*lines, f"{count} of {path or PACKAGED} ({policy.version}): {_summary(len(failed))}"), len(failed))


def _path(file: Path | None, settings: Settings) -> Path | None:
    return file or (Path(settings.policy.file) if settings.policy.file else None)


def _policy(path: Path | None, around: Surroundings) -> Policy:
    return parse(read_text(path), str(path), around) if path else parse(default_text(), PACKAGED, around)


def _cases(path: Path | None, around: Surroundings) -> Cases:
    if path is None:
        return parse_cases(default_text("default.cases.yaml"), f"the cases of {PACKAGED}", around)
    beside = cases_beside(path)
    return parse_cases(read_text(beside), str(beside), around)


def _summary(failed: int) -> str:
    return f"{failed} failed." if failed else "all as expected."


def _told(result: Result) -> Iterator[str]:
    yield f"FAILED {result.case.name}: {result.case.command}"
    yield from (f"  {difference}" for difference in result.differences)
    yield from (f"    {one.rule} ({one.effect}) {one.outcome}: {one.why}" for one in result.explanation.steps)


def _reader(registry: Registry, settings: Settings, cases: Cases) -> Callable[[Case, str], Command]:
    """Reads the lines of cases, whose people are known to each other."""
    people = [*settings.persons(), *(Person(id=one, name=one) for one in {case.as_ for case in cases.cases})]
    directory = Directory(people)

    def understand(case: Case, line: str) -> Command:
        try:
            command, arguments = parse_about(line, registry, Vocabulary(settings.scheme(), directory, case.at))
        except Refusal as refused:
            raise PolicyError(f"The case “{case.name}”: {refused.words()}") from None
        return Command(command.path, command.klass.value, arguments)

    return understand
