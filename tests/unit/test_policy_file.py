"""The policy's file: mistakes in words, with their lines; a change without a restart; cases from the command line."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bot.cli import app
from bot.policies import Policies
from bot.policy_file import PolicyError, default_text, parse, parse_cases, surroundings
from commands.domain.severity import P0_TO_P3, SEV1_TO_SEV4
from commands.policy.document import Policy
from commands.registry import discover
from tests.architecture.reading import ROOT
from tests.fakes import FakeClock

AROUND = surroundings(discover(), SEV1_TO_SEV4)
GOOD = """
windows:
  night: {zone: Europe/Berlin, days: [mon, fri], from: 17:30, until: 06:00}
rules:
- name: changes
  effect: allow
  commands: [gw scale]
  who: {roles: [operator]}
  when: {outside: [night]}
"""


def wrong(text: str) -> str:
    with pytest.raises(PolicyError) as error:
        parse(text, "p.yaml", AROUND)
    return str(error.value)


def rule(text: str) -> str:
    return f"rules:\n- {{name: a, effect: allow, commands: [gw scale], who: {{anyone: true}}, {text}}}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "p.yaml must hold keys and values, not nothing."),
        ("- a", "p.yaml must hold keys and values, not a list."),
        ("a: [", "p.yaml is no YAML:"),
        ("a: &x {b: *x}", "aliases (*name) are not used here"),
        ("rules: []", "rules = []: there is none; without one, nothing may change (line 1)"),
        ("ask: x", "rules: it is missing (line 1)"),
        ("rule: []\nrules: []", "rule: there is no such key (line 1). Did you mean rules?"),
        (GOOD.replace("effect:", "efect:"), "rules.0.efect: there is no such key (line 6). Did you mean effect?"),
        (GOOD.replace("{roles", "{role"), "rules.0.who.role: there is no such key (line 8). Did you mean roles?"),
        (GOOD.replace("operator", "opertor"), "rules.0.who.roles.0 = 'opertor': Input should be 'viewer', 'responder'"),
        (GOOD.replace("[night]", "[day]"), "outside.0 = 'day': there is no such window; defined: night (line 9)"),
        (GOOD.replace("Europe/Berlin", "Berlin"), "windows.night.zone = 'Berlin': 'Berlin' is no time zone"),
        (GOOD.replace("from:", "since:"), "night.since: there is no such key (line 3). Allowed: zone, days, from"),
        (GOOD.replace("gw scale", "gw scael"), "rules.0.commands.0 = 'gw scael': no command that a policy decides"),
        (GOOD.replace("gw scale", "incident note"), "rules.0.commands.0 = 'incident note': no command that a policy"),
        (GOOD + GOOD[GOOD.index("- name") :], "rules.1.name = 'changes': another rule has this name"),
        (GOOD + "  effect: deny\n", "rules.0.effect: it stands twice (lines 6 and 10)"),
        (rule("limits: {replica: {max: 3}}"), "limits = 'replica': no command of this rule has such an argument"),
        (rule("limits: {replicas: {}}"), "limits.replicas says nothing; give min, max or values (line 2)"),
        (rule("limits: {replicas: {min: 3, max: 2}}"), "limits.replicas: min 3 is more than max 2"),
        (rule("where: {severity: sev9}"), "“sev9” is no severity. Severities: SEV1 (critical)"),
        (rule("cooldown: 5"), "rules.0.cooldown"),
        (rule("cooldown: soon"), "“soon” is no duration. Write it as 15m, 45s"),
        (rule("cooldown: 8d"), "at most 7 days are looked back upon"),
        (rule("blast: {percent: 130, within: 5m}"), "rules.0.blast.percent = 130"),
        (rule("approvals: {count: 0}"), "rules.0.approvals.count = 0"),
        (rule("approvals: {count: 1, who: {sets: [leads]}}"), "there is no such set of people; defined: none"),
        (rule("when: {}"), "rules.0.when: it says nothing; give within or outside"),
        (rule("who: {}"), "rules.0.who: it stands twice"),
        (rule("ask: x").replace("who: {anyone: true}, ", ""), "a rule that allows says who"),
        (rule("ask: x").replace("{anyone: true}", "{}"), "rules.0.who: it names nobody; give at least one of people"),
        (rule("ask: x").replace("commands: [gw scale], ", ""), "it is about nothing; give commands, classes or both"),
        (rule("lease: 1h").replace("allow", "deny"), "a rule that denies has no lease"),
        (rule("treat_as: record"), "rules.0.treat_as = 'record'"),
        (rule("who: {groups: [sre]}").replace("who: {anyone: true}, ", ""), "rules.0.who.groups.0 = 'sre'"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_key_its_value_what_is_allowed_and_its_line(text: str, said: str) -> None:
    assert said in wrong(text)


@settings(max_examples=40)
@given(st.text(alphabet="abr:-[]{}&*!|>#'\"\n \t0123\\%@,?ß\x00", max_size=80))
def test_whatever_a_file_holds_it_is_a_policy_or_a_refusal_in_words(text: str) -> None:
    with pytest.raises(PolicyError, match=r"p\.yaml"):
        parse(text, "p.yaml", AROUND)


def test_severities_are_those_of_the_organisation() -> None:
    around = surroundings(discover(), P0_TO_P3)
    at_least = parse(rule("where: {severity: p1}"), "p.yaml", around).rules[0].where
    assert at_least is not None
    assert at_least.severity == ("P0", "P1")


def test_a_version_is_of_what_it_says_not_of_how_it_is_written() -> None:
    plain = parse(GOOD, "p.yaml", AROUND).version
    content = yaml.safe_load(GOOD.replace("17:30", '"17:30"').replace("06:00", '"06:00"'))
    other_way = "# a comment\n" + yaml.safe_dump(content, sort_keys=True)
    assert parse(other_way, "q.yaml", AROUND).version == plain
    assert parse(GOOD.replace("17:30", "17:31"), "p.yaml", AROUND).version != plain
    assert len(plain) == 16


@pytest.mark.parametrize(
    ("packaged", "shown"), [("default.yaml", "policy.yaml"), ("default.cases.yaml", "policy.cases.yaml")]
)
def test_the_policy_that_config_shows_is_the_default(packaged: str, shown: str) -> None:
    text = (ROOT / "config" / shown).read_text(encoding="utf-8")
    assert text == default_text(packaged), f"cp commands/policy/{packaged} config/{shown}"


def test_what_is_commented_out_in_the_default_is_a_policy_too() -> None:
    text = re.sub(r"^# (- name|  )", r"\1", default_text(), flags=re.MULTILINE)
    text = re.sub(r"^#  ", "  ", text, flags=re.MULTILINE).replace("windows: {}", "windows:")
    full = parse(re.sub(r"^( +)# (?=\w+: )", r"\1", text, flags=re.MULTILINE), "p.yaml", AROUND)
    assert [one.name for one in full.rules] == [
        "worst-incidents-break-the-freeze", "year-end-freeze", "dangerous", "undo", "mitigations", "proposals",
    ]  # fmt: skip
    assert set(full.windows) == {"year-end", "office"}
    assert full.people_sets["operators"].groups == ("slack:sre",)
    assert full.rules[-2].blast is not None
    assert full.rules[-2].lease == timedelta(hours=4)


# ---------------------------------------------------------------- in force


class Watched:
    """A policy in force, its file and the clock."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.file, self.heard = FakeClock(), folder / "policy.yaml", 0
        self.file.write_text(GOOD, encoding="utf-8")
        self.policies = Policies(self.file, AROUND, self.clock.now)
        self.policies.on_change(self._hear)

    def _hear(self) -> None:
        self.heard += 1

    def write(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")

    def a_second_later(self) -> Policy:
        self.clock.advance(timedelta(seconds=1))
        return self.policies.current()


OTHER = GOOD.replace("17:30", "18:30")


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_file_that_changed_is_read_again_at_most_once_a_second(watched: Watched) -> None:
    first = watched.policies.current()
    watched.write(OTHER)
    assert watched.policies.current() is first
    second = watched.a_second_later()
    assert (second.version != first.version, watched.heard) == (True, 1)
    assert watched.a_second_later() is second
    assert watched.policies.standing().since == watched.clock.now() - timedelta(seconds=1)


def test_what_reads_the_same_is_no_change(watched: Watched) -> None:
    first = watched.policies.current()
    watched.write("# another comment\n" + GOOD)
    assert watched.a_second_later() is first
    assert watched.heard == 0


def test_a_file_that_is_replaced_by_another_is_seen(watched: Watched) -> None:
    """As editors and mounted configuration do it: the new file may be as old and as long as the one before."""
    first, stat = watched.policies.current(), watched.file.stat()
    beside = watched.file.with_name("new.yaml")
    beside.write_text(OTHER, encoding="utf-8")
    os.utime(beside, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    beside.replace(watched.file)
    assert watched.file.stat().st_size == stat.st_size
    assert watched.a_second_later().version != first.version


def test_the_last_good_policy_stays_when_the_file_is_wrong_or_gone(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    first = watched.policies.current()
    watched.write("rules: []")
    assert watched.a_second_later() is first
    assert "rules = []" in watched.policies.standing().wrong
    assert f"the policy {first.version} stays in force" in caplog.text
    watched.file.unlink()
    assert watched.a_second_later() is first
    assert "cannot be read" in watched.policies.standing().wrong
    watched.write(GOOD)
    assert watched.a_second_later() is first
    assert (watched.policies.standing().wrong, watched.heard) == ("", 0)


def test_a_clock_that_jumps_back_does_not_keep_a_change_out(watched: Watched) -> None:
    first = watched.policies.current()
    watched.write(OTHER)
    watched.clock.advance(timedelta(days=-3))
    assert watched.policies.current().version != first.version


def test_a_policy_that_is_wrong_from_the_start_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    for text, said in ((None, "cannot be read: No such file"), ("rules: []", "without one, nothing may change")):
        if text:
            file.write_text(text, encoding="utf-8")
        with pytest.raises(PolicyError, match=said):
            Policies(file, AROUND, FakeClock().now)


# ---------------------------------------------------------------- the command line


CASES = """
cases:
- {name: an operator scales, as: ana, roles: [operator], command: /gw scale 3, expect: {effect: allow, rule: changes}}
- name: not at night
  as: ana
  roles: [operator]
  at: 2026-01-05 18:00 Europe/Berlin
  command: /gw scale 3
  expect: {effect: deny, rule: none, approvals: 0, says: "here and now"}
"""


def judged(folder: Path, policy: str = GOOD, cases: str = CASES) -> tuple[int, str]:
    """`tocsin policy test` of a file."""
    file = folder / "own.yaml"
    file.write_text(policy, encoding="utf-8")
    (folder / "own.cases.yaml").write_text(cases, encoding="utf-8")
    done = CliRunner().invoke(app, ["policy", "test", str(file), "--config", "/dev/null"])
    return done.exit_code, done.output


def test_cases_beside_the_policy_are_asked(tmp_path: Path) -> None:
    code, said = judged(tmp_path)
    assert (code, said.rpartition(": ")[2]) == (0, "all as expected.\n")
    code, said = judged(tmp_path, OTHER)
    assert code == 1
    assert said.splitlines()[:4] == [
        "FAILED not at night: /gw scale 3",
        "  effect: deny was expected, it is allow",
        "  rule: none was expected, it is changes",
        "  says: “here and now” was expected, it is “”",
    ]
    assert "    changes (allow) decides: it fits" in said
    assert said.splitlines()[-1].endswith("1 failed.")


@pytest.mark.parametrize(
    ("policy", "cases", "said"),
    [
        (GOOD.replace("effect", "efect"), CASES, "own.yaml is wrong:"),
        (GOOD, CASES.replace("as: ana", "who: ana"), "cases.0.who: there is no such key (line 3)"),
        (
            GOOD,
            CASES.replace("/gw scale 3", "/gw scael 3"),
            "The case “an operator scales”: There is no command /gw scael",
        ),
        (GOOD, CASES.replace("18:00 Europe/Berlin", "18:00 Berlin"), "cases.1.at"),
        (GOOD, CASES.replace("  at:", "  incident_roles: [ic]\n  at:"), "give its severity as incident"),
        (GOOD, "cases: []", "cases"),
    ],
)
def test_what_cannot_be_asked_is_said(tmp_path: Path, policy: str, cases: str, said: str) -> None:
    code, output = judged(tmp_path, policy, cases)
    assert code == 1
    assert said in output
    assert "Traceback" not in output


def test_a_policy_without_cases_fails(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(GOOD, encoding="utf-8")
    done = CliRunner().invoke(app, ["policy", "test", str(tmp_path / "own.yaml"), "--config", "/dev/null"])
    assert done.exit_code == 1
    assert "own.cases.yaml cannot be read: No such file or directory." in done.output


def test_the_cases_of_the_default_hold_and_bear_on_every_rule() -> None:
    done = CliRunner().invoke(app, ["policy", "test", "--config", "/dev/null"])
    assert (done.exit_code, done.output.endswith("all as expected.\n")) == (0, True)
    cases = parse_cases(default_text("default.cases.yaml"), "cases", AROUND)
    rules = {one.name for one in parse(default_text(), "default", AROUND).rules}
    assert rules <= {one.expect.rule for one in cases.cases}


def test_the_rules_are_printed_in_words() -> None:
    done = CliRunner().invoke(app, ["policy", "show", "--config", "/dev/null"])
    assert done.exit_code == 0
    assert "mitigations\n  Effect: allow\n  Classes: mitigation\n  Who: operators, admins" in done.output


def test_settings_name_the_policy(tmp_path: Path) -> None:
    judged(tmp_path)
    own = tmp_path / "tocsin.yaml"
    own.write_text(yaml.safe_dump({"policy": {"file": str(tmp_path / "own.yaml")}}), encoding="utf-8")
    done = CliRunner().invoke(app, ["policy", "test", "--config", str(own)])
    assert (done.exit_code, "2 cases of" in done.output) == (0, True)
