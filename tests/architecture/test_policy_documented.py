"""`docs/policy.md` is the documentation of the policy: every key, in examples that load."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from bot.policy_file import parse, parse_cases, surroundings
from commands.domain.severity import SEV1_TO_SEV4
from commands.policy.cases import Before, Case, Expected
from commands.policy.document import Approvals, Blast, Bound, Policy, Rule, When, Where
from commands.policy.people import Section, Who
from commands.policy.windows import Window
from commands.registry import discover
from tests.architecture.reading import ROOT

TEXT = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
AROUND = surroundings(discover(), SEV1_TO_SEV4)


def _examples(kind: str) -> list[str]:
    return re.findall(rf"^```yaml {kind}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", _examples("policy"))
def test_policies_of_the_page_are_policies(example: str) -> None:
    assert parse(example, "the example", AROUND).rules


@pytest.mark.parametrize("example", _examples("cases"))
def test_cases_of_the_page_are_cases(example: str) -> None:
    assert parse_cases(example, "the example", AROUND).cases


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


@pytest.mark.parametrize(
    ("kind", "section"),
    [("policy", one) for one in (Policy, Rule, Who, Where, When, Window, Bound, Blast, Approvals)]
    + [("cases", one) for one in (Case, Before, Expected)],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_every_key_is_shown_in_an_example(kind: str, section: type[Section]) -> None:
    shown = {key for example in _examples(kind) for key in _keys(yaml.safe_load(example))}
    assert {field.alias or name for name, field in section.model_fields.items()} <= shown


def test_every_key_of_a_rule_is_in_the_table() -> None:
    assert set(Rule.model_fields) == set(re.findall(r"^\| `([a-z_]+)` \|", TEXT, re.MULTILINE))
