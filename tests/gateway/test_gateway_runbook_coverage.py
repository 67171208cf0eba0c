"""The page of runbook coverage: every line of the runbooks is on it, and the tests that it names are there."""

from __future__ import annotations

import ast
from functools import cache

import pytest
import yaml
from pydantic import ValidationError

from gateway.settings import Settings
from gateway.shared_pages import METRICS_PORT_PAGES
from tests.architecture.reading import ROOT
from tests.gateway import runbooks
from tests.gateway.runbook_names import NAMES
from tests.gateway.runbook_tests import VERDICTS, NotYet, Runs, sought_of, verdict_of

NEEDS_SEEDS = pytest.mark.skipif(not runbooks.SEEDS.is_dir(), reason="the runbooks are not beside the project")
#: A secret that is long enough wherever the examples leave it to the environment.
_FILLED_IN = "s" * 64


@cache
def definitions(file: str) -> dict[str, tuple[str, frozenset[str]]]:
    """What a test file defines: the source of each, decorators included, and the names that it uses."""
    text = (ROOT / file).read_text(encoding="utf-8")
    lines = text.splitlines()
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names, first = [node.name], min((one.lineno for one in node.decorator_list), default=node.lineno)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            inner = [one for target in targets for one in ast.walk(target)]
            names, first = [one.id for one in inner if isinstance(one, ast.Name)], node.lineno
        else:
            continue
        walked = list(ast.walk(node))
        used = {one.id for one in walked if isinstance(one, ast.Name)} | {
            one.arg for one in walked if isinstance(one, ast.arg)
        }
        for name in names:
            found[name] = ("\n".join(lines[first - 1 : node.end_lineno]), frozenset(used))
    return found


@cache
def source_of(test: str) -> str:
    """The source of a test with that of what it uses of its own module."""
    file, _, name = test.partition("::")
    known, wanted, taken = definitions(file), [name], dict[str, str]()
    assert name in known, f"{test} does not exist"
    while wanted:
        if (one := wanted.pop()) in known and one not in taken:
            taken[one], used = known[one]
            wanted.extend(used)
    return "\n".join(taken.values())


@NEEDS_SEEDS
def test_every_line_is_on_the_page_and_nothing_else() -> None:
    page = runbooks.PAGE.read_text(encoding="utf-8")
    assert page == runbooks.render(), "write it anew: python -m tests.gateway.runbooks"
    rows = [line for line in page.splitlines() if line[:3].rstrip().startswith("| ") and line[2].isdigit()]
    assert rows == [runbooks.row(line) for runbook in runbooks.runbooks() for line in runbooks.found(runbook)]
    assert runbooks.runbooks() == ["000", "001", "002", "003", "004"]


@NEEDS_SEEDS
def test_every_name_of_the_catalogue_is_found_in_its_runbook() -> None:
    found = {
        (runbook, one) for runbook in runbooks.runbooks() for line in runbooks.found(runbook) for one in line.names
    }
    anywhere = {one for _, one in found}
    assert {(name.kind, name.name) for name in NAMES} <= anywhere
    kept = {(kind, name) for kind, known in VERDICTS.items() for name in known}
    assert kept <= anywhere, "it is in no runbook"


@NEEDS_SEEDS
def test_each_test_names_what_it_runs() -> None:
    names = {one for runbook in runbooks.runbooks() for line in runbooks.found(runbook) for one in line.names}
    unnamed = [
        f"{verdict.test} does not name {sought_of(*one)} ({one})"
        for one in sorted(names)
        if isinstance(verdict := verdict_of(*one), Runs) and sought_of(*one) not in source_of(verdict.test)
    ]
    assert unnamed == []


def test_the_tests_of_the_mapping_exist() -> None:
    for known in VERDICTS.values():
        for verdict in known.values():
            if isinstance(verdict, Runs):
                assert source_of(verdict.test)


@NEEDS_SEEDS
@pytest.mark.parametrize("runbook", ["001", "002", "003"])
def test_the_runbooks_own_configuration_is_accepted_but_for_what_waits(runbook: str) -> None:
    blocks = runbooks.configuration_blocks(runbook)
    assert blocks
    for block in blocks:
        document = _without_what_waits(yaml.safe_load(block.replace("${", _FILLED_IN + "${")))
        document.setdefault("upstreams", [{"id": "user-service", "base_url": "http://a"}])
        document.setdefault("routes", [{"id": "a", "path": "/", "upstream_id": "user-service"}])
        Settings.model_validate({**document, "admin": {"token": _FILLED_IN}})


def test_what_waits_is_not_there_yet() -> None:
    """Who adds it says in `runbook_tests` which test runs it."""
    waiting = {(kind, name) for kind, known in VERDICTS.items() for name in known if isinstance(known[name], NotYet)}
    for path in (name for kind, name in waiting if kind == "key" and "." in name):
        section, _, key = path.rpartition(".")
        with pytest.raises(ValidationError) as caught:
            Settings.model_validate({section: {key: {}}})
        assert [one["type"] for one in caught.value.errors() if one["loc"] == (section, key)] == ["extra_forbidden"]
    assert not {name for kind, name in waiting if kind == "endpoint"} & METRICS_PORT_PAGES.keys()


def _without_what_waits(document: dict[str, object], above: str = "") -> dict[str, object]:
    kept: dict[str, object] = {}
    for key, value in document.items():
        path = f"{above}{key}"
        if not isinstance(verdict_of("key", path), NotYet):
            kept[key] = _without_what_waits(value, f"{path}.") if isinstance(value, dict) else value
    return kept
