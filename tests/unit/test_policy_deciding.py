"""The answers of a policy: the first rule that fits, its bounds, and what a change of it does to a plan that waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.domain.incident import Declared, Incident, Role, Status, begin
from commands.people import OrgRole, Person
from commands.policy.deciding import could, decide, explain, who_could
from commands.policy.document import Bound, Policy
from commands.policy.fitting import misfits
from commands.policy.people import People
from commands.policy.question import Decision, Question, Recent
from commands.policy.reading import read
from commands.policy.strictness import stricter
from tests.fakes import START

ANA = Person(id="ana", name="Ana", roles=frozenset({OrgRole.OPERATOR}))
CHLOE = Person(id="chloe", name="Chloé", groups=frozenset({"slack:sre"}))
OPERATORS: dict[str, Any] = {"roles": ["operator"], "incident_roles": ["ic"]}


def policy(*rules: dict[str, Any], **rest: Any) -> Policy:
    named = [{"name": f"rule-{number}", **rule} for number, rule in enumerate(rules)]
    return read({"rules": named, **rest})


def allow(**rule: Any) -> dict[str, Any]:
    return {"effect": "allow", "classes": ["mitigation"], "who": OPERATORS, **rule}


def deny(**rule: Any) -> dict[str, Any]:
    return {"effect": "deny", "classes": ["mitigation", "dangerous"], **rule}


def asked(**changes: Any) -> Question:
    question = Question(
        command=("gw", "scale"), klass="mitigation", person=ANA, incident=None, now=START, platform="console",
        channel="general", service="gateway", target="gateway/gateway", arguments={"replicas": 10},
    )  # fmt: skip
    return replace(question, **changes)


def incident(severity: str = "SEV2", status: Status = Status.INVESTIGATING, **roles: str) -> Incident:
    declared = Declared(
        incident="i-1", severity=severity, title="x", service="gateway", declared_by="ben", channel="i-1",
        platform="console",
    )  # fmt: skip
    held = {Role(role): person for role, person in roles.items()}
    return begin(declared, START).model_copy(update={"roles": held, "status": status})


# ---------------------------------------------------------------- the first rule that fits


def test_what_changes_something_is_denied_where_no_rule_fits_and_what_reads_is_not() -> None:
    only_restart = policy(allow(commands=["gw restart"]))
    assert not decide(only_restart, asked()).allowed
    assert not decide(only_restart, asked(klass="dangerous")).allowed
    assert decide(only_restart, asked(klass="diagnostic", command=("gw", "status"))).allowed
    assert decide(policy(deny(commands=["*"], classes=[])), asked(klass="record", command=("incident", "note"))).allowed


@pytest.mark.parametrize(
    ("rule", "question", "fits"),
    [
        ({"commands": ["gw scale"]}, {}, True),
        ({"commands": ["/GW  Scale"]}, {}, True),
        ({"commands": ["gw *"]}, {}, True),
        ({"commands": ["*"]}, {}, True),
        ({"commands": ["gw"]}, {}, False),
        ({"commands": ["gw restart", "k8s *"]}, {}, False),
        ({"classes": ["dangerous"]}, {}, False),
        ({"commands": ["gw *"], "classes": ["dangerous"]}, {}, False),
        ({"who": {"people": ["ana"]}}, {}, True),
        ({"who": {"people": ["ben"]}}, {}, False),
        ({"who": {"groups": ["slack:sre"]}}, {"person": CHLOE}, True),
        ({"who": {"groups": ["slack:dba"]}}, {"person": CHLOE}, False),
        ({"who": {"anyone": True}}, {"person": CHLOE}, True),
        ({}, {"person": CHLOE}, False),
        ({}, {"person": CHLOE, "incident": incident(ic="chloe")}, True),
        ({}, {"person": CHLOE, "incident": incident(comms="chloe")}, False),
        ({}, {"person": CHLOE, "incident": incident(status=Status.RESOLVED, ic="chloe")}, False),
        ({"where": {"services": ["gate*"]}}, {}, True),
        ({"where": {"services": ["billing"]}}, {}, False),
        ({"where": {"clusters": ["prod-*"]}}, {"cluster": "prod-eu"}, True),
        ({"where": {"clusters": ["prod-*"]}}, {}, False),
        ({"where": {"namespaces": ["gateway"]}}, {"namespace": "default"}, False),
        ({"where": {"channels": ["incident-*"]}}, {}, False),
        ({"where": {"platforms": ["slack"]}}, {"platform": "slack:T012"}, True),
        ({"where": {"platforms": ["slack:T999"]}}, {"platform": "slack:T012"}, False),
        ({"where": {"severity": "sev2"}}, {"incident": incident("SEV1")}, True),
        ({"where": {"severity": "sev2"}}, {"incident": incident("SEV2")}, True),
        ({"where": {"severity": "sev2"}}, {"incident": incident("SEV3")}, False),
        ({"where": {"severity": "sev2"}}, {"incident": incident("SEV1", Status.CLOSED)}, False),
        ({"where": {"severity": "sev2"}}, {}, False),
        ({"where": {"incident": True}}, {"incident": incident()}, True),
        ({"where": {"incident": True}}, {}, False),
        ({"where": {"incident": False}}, {"incident": incident()}, False),
        ({"when": {"within": ["lunch"]}}, {}, True),
        ({"when": {"outside": ["lunch"]}}, {}, False),
        ({"when": {"within": ["night"], "outside": ["lunch"]}}, {}, False),
        ({"when": {"within": ["night", "lunch"]}}, {}, True),
        ({"arguments": {"replicas": {"min": 8}}}, {}, True),
        ({"arguments": {"replicas": {"max": 8}}}, {}, False),
        ({"arguments": {"replicas": {"max": 8}}}, {"arguments": {}}, False),
        ({"arguments": {"mode": {"values": ["on", "off"]}}}, {"arguments": {"mode": "off"}}, True),
        ({"arguments": {"mode": {"values": ["on"]}}}, {"arguments": {"mode": "off"}}, False),
    ],
    ids=str,
)
def test_a_rule_fits_when_all_that_it_names_fits(rule: dict[str, Any], question: dict[str, Any], fits: bool) -> None:
    windows = {
        "lunch": {"zone": "Europe/Berlin", "days": ["sun"], "from": "12:30", "until": "13:30"},
        "night": {"zone": "Europe/Berlin", "days": ["sun"], "from": "22:00", "until": "06:00"},
    }
    found = decide(policy(allow(**rule), windows=windows), asked(**question))
    assert found.allowed == fits
    assert found.rule == ("rule-0" if fits else "")


_RULES = st.lists(
    st.builds(
        lambda effect, command, person, service: {
            "effect": effect,
            "commands": [command],
            "who": person,
            **({"where": {"services": [service]}} if service else {}),
        },
        st.sampled_from(("allow", "deny")),
        st.sampled_from(("gw scale", "gw *", "gw restart", "*")),
        st.sampled_from(({"people": ["ana"]}, {"roles": ["operator"]}, {"groups": ["slack:sre"]}, {"anyone": True})),
        st.sampled_from(("", "gateway", "billing")),
    ),
    min_size=1,
    max_size=6,
)
_QUESTIONS = st.builds(
    lambda person, command, klass, service: asked(person=person, command=command, klass=klass, service=service),
    st.sampled_from((ANA, CHLOE)),
    st.sampled_from((("gw", "scale"), ("gw", "restart"), ("k8s", "drain"))),
    st.sampled_from(("diagnostic", "mitigation", "dangerous")),
    st.sampled_from(("gateway", "billing", "")),
)


@settings(max_examples=50)
@given(_RULES, _QUESTIONS)
def test_the_first_rule_that_fits_answers_whatever_follows(rules: list[dict[str, Any]], question: Question) -> None:
    """Each rule alone, behind nothing, says whether it fits; the first that does gives the answer of them all."""
    alone = [decide(policy(rule), question).rule == "rule-0" for rule in rules]
    found = decide(policy(*rules), question)
    if True in alone:
        first = alone.index(True)
        assert (found.rule, found.allowed) == (f"rule-{first}", rules[first]["effect"] == "allow")
        assert decide(policy(*rules[: first + 1]), question).allowed == found.allowed
    else:
        assert (found.rule, found.allowed) == ("", question.klass == "diagnostic")


@settings(max_examples=50)
@given(_RULES, _QUESTIONS)
def test_an_explanation_says_what_was_decided_and_by_which_rule(
    rules: list[dict[str, Any]], question: Question
) -> None:
    whole = policy(*rules)
    explained, decided = explain(whole, question), decide(whole, question)
    assert explained.decision == decided
    assert [step.rule for step in explained.steps] == [rule.name for rule in whole.rules]
    deciding = [step.rule for step in explained.steps if step.outcome == "decides"]
    assert deciding == ([decided.rule] if decided.rule else [])
    fitting = {rule.name for rule in whole.rules if not misfits(whole, rule, question)}
    assert {step.rule for step in explained.steps if step.outcome != "does not fit"} == fitting
    assert all(step.why for step in explained.steps)


@settings(max_examples=50)
@given(_RULES, _QUESTIONS)
def test_what_is_allowed_could_be_before_the_target_was_known(rules: list[dict[str, Any]], question: Question) -> None:
    whole = policy(*rules)
    if decide(whole, question).allowed:
        assert could(whole, replace(question, service="", arguments={}))


@settings(max_examples=50)
@given(_RULES, _QUESTIONS)
def test_who_is_said_to_be_allowed_is_not_turned_away_by_a_later_rule(
    rules: list[dict[str, Any]], question: Question
) -> None:
    """The words of a refusal name people of rules that allow; whoever a rule allows is among them."""
    whole = policy(*rules)
    people = who_could(whole, question)
    if decide(whole, question).allowed and decide(whole, question).rule:
        assert people is not None
        assert people.covers(question.person, question.incident)


# ---------------------------------------------------------------- what bounds a rule that allows


def test_limits_refuse_and_do_not_pass_on_to_the_next_rule() -> None:
    bounded = policy(allow(limits={"replicas": {"min": 2, "max": 8}}), allow())
    assert not decide(bounded, asked(arguments={"replicas": 9})).allowed
    assert not decide(bounded, asked(arguments={"replicas": 1})).allowed
    assert not decide(bounded, asked(arguments={"replicas": "8"})).allowed
    assert decide(bounded, asked(arguments={"replicas": 8})).allowed
    assert decide(bounded, asked(arguments={})).allowed


def test_a_cooldown_holds_for_one_command_on_one_target() -> None:
    bounded = policy(allow(cooldown="5m"))

    def done(minutes: float, target: str = "gateway/gateway", command: str = "scale") -> Recent:
        return Recent(target, "gateway", ("gw", command), START - timedelta(minutes=minutes))

    refused = decide(bounded, asked(recent=(done(8), done(4))))
    assert refused.reason == "/gw scale is refused by the rule rule-0: it was done here 4 min ago."
    assert refused.hint == "Again in 1 min."
    assert decide(bounded, asked(recent=(done(5),))).allowed
    assert decide(bounded, asked(recent=(done(1, "gateway/other"), done(1, command="restart")))).allowed


def test_a_budget_counts_all_commands_on_a_service_within_its_time() -> None:
    bounded = policy(allow(blast={"percent": 30, "within": "15m"}))

    def gone(percent: float, minutes: float, service: str = "gateway") -> Recent:
        return Recent("pod/1", service, ("gw", "drain"), START - timedelta(minutes=minutes), percent)

    assert decide(bounded, asked(removes_percent=30)).allowed
    assert decide(bounded, asked(removes_percent=20, recent=(gone(10, 1), gone(50, 15), gone(50, 1, "x")))).allowed
    refused = decide(bounded, asked(removes_percent=21, recent=(gone(5, 1), gone(5, 14))))
    assert not refused.allowed
    assert refused.reason.endswith("it would remove 21% of the ready capacity of gateway.")
    assert refused.hint == "The budget is 30% within 15 min; 10% is gone already."
    assert decide(bounded, asked(removes_percent=0, recent=(gone(90, 1),))).allowed


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 40), st.integers(0, 40)), max_size=12))
def test_what_a_budget_lets_through_never_adds_up_to_more(wishes: list[tuple[float, int]]) -> None:
    """Wishes come one after the other, some minutes apart; each is carried out when it is allowed."""
    bounded, now, done = policy(allow(blast={"percent": 50, "within": "15m"})), START, list[Recent]()
    for percent, minutes in wishes:
        now += timedelta(minutes=minutes)
        if decide(bounded, asked(now=now, removes_percent=percent, recent=tuple(done))).allowed:
            done.append(Recent("pod/1", "gateway", ("gw", "scale"), now, percent))
        span = [one.removed_percent for one in done if one.at > now - timedelta(minutes=15)]
        assert sum(span) <= 50 + 1e-9


def test_what_is_dangerous_needs_a_second_person_whatever_the_rule_says() -> None:
    plain = policy(allow(classes=["dangerous"]), allow(treat_as="dangerous", commands=["gw restart"]), allow())
    assert decide(plain, asked(klass="dangerous")).approvals == 1
    raised = decide(plain, asked(command=("gw", "restart")))
    assert (raised.klass, raised.approvals) == ("dangerous", 1)
    never_less = policy(allow(classes=["dangerous"], treat_as="diagnostic", approvals={"count": 2}))
    assert (
        decide(never_less, asked(klass="dangerous")).klass,
        decide(never_less, asked(klass="dangerous")).approvals,
    ) == (
        "dangerous",
        2,
    )
    assert decide(plain, asked()).approvals == 0


def test_approvers_are_those_named_else_those_of_the_rule_and_never_who_asked() -> None:
    ben, dev = (Person(id=one, name=one, roles=frozenset({OrgRole.OPERATOR})) for one in ("ben", "dev"))
    own = decide(policy(allow(approvals={"count": 1})), asked())
    assert own.may_approve(ben, None, requester="ana")
    assert not own.may_approve(ANA, None, requester="ana")
    assert not own.may_approve(CHLOE, None, requester="ana")
    named = decide(
        policy(allow(approvals={"count": 1, "who": {"sets": ["leads"]}}), people_sets={"leads": {"people": ["dev"]}}),
        asked(),
    )
    assert named.may_approve(dev, None, requester="ana")
    assert not named.may_approve(ben, None, requester="ana")
    assert Decision.model_validate_json(named.model_dump_json()) == named


def test_a_refusal_says_which_rule_who_could_and_whom_to_ask() -> None:
    frozen = policy(
        allow(where={"severity": "sev1"}),
        deny(when={"within": ["sale"]}, reason="Nothing changes in the sale.", ask="@dev"),
        allow(),
        windows={"sale": {"zone": "Europe/Berlin", "from": "2026-02-27", "until": "2026-03-08"}},
    )
    refused = decide(frozen, asked())
    assert refused.reason == "/gw scale is refused by the rule rule-1: Nothing changes in the sale."
    assert refused.hint == "It holds until 2026-03-09 00:00 (Europe/Berlin). Ask @dev."
    by_another = decide(frozen, asked(person=CHLOE, incident=incident("SEV1")))
    assert by_another.hint.endswith("Who may: operators, the incident commander. Ask @dev.")
    nobody = decide(policy(allow(where={"services": ["billing"]})), asked())
    assert nobody.reason == "/gw scale is refused: no rule of the policy allows it here and now."
    stranger = decide(policy(allow(), ask="the channel #platform"), asked(person=CHLOE))
    assert stranger.reason == "/gw scale is not for you: no rule of the policy allows it."
    assert stranger.hint == "Who may: operators, the incident commander. Ask the channel #platform."


# ---------------------------------------------------------------- a change of the policy meets a plan that waits


_NUMBERS = st.none() | st.integers(0, 9).map(float)
_VALUES = st.none() | st.lists(st.sampled_from((1, 2, "a", "b")), max_size=3).map(tuple)
_DECISIONS = st.builds(
    Decision,
    allowed=st.booleans(),
    rule=st.sampled_from(("one", "two")),
    klass=st.sampled_from(("mitigation", "dangerous")),
    approvals=st.integers(0, 3),
    approvers=st.lists(
        st.sampled_from(
            (
                People(people=("ana",)),
                People(people=("ana", "ben")),
                People(roles=(OrgRole.ADMIN,)),
                People(anyone=True),
            )
        ),
        max_size=2,
    ).map(tuple),
    limits=st.dictionaries(
        st.sampled_from(("replicas", "mode")), st.builds(Bound, min=_NUMBERS, max=_NUMBERS, values=_VALUES)
    ),
    lease=st.none() | st.integers(1, 90).map(lambda minutes: timedelta(minutes=minutes)),
    version=st.sampled_from(("v1", "v2")),
)
_PEOPLE = [
    Person(id=name, name=name, roles=frozenset(roles))
    for name in ("ana", "ben", "dev")
    for roles in ((), (OrgRole.ADMIN,))
]
_WORDS = [*range(-1, 11), "a", "b", "c"]


def _approvers(decision: Decision) -> set[tuple[str, bool]]:
    return {(one.id, OrgRole.ADMIN in one.roles) for one in _PEOPLE if decision.may_approve(one, None, requester="eve")}


def _taken(decision: Decision, name: str) -> set[str]:
    bound = decision.limits.get(name, Bound())
    return {repr(word) for word in _WORDS if bound.allows(word)}


@settings(max_examples=50)
@given(_DECISIONS, _DECISIONS)
def test_two_decisions_together_allow_nothing_that_either_denies(old: Decision, new: Decision) -> None:
    both = stricter(old, new)
    assert both.allowed == (old.allowed and new.allowed)
    assert both.version == new.version
    if both.allowed:
        assert both.approvals >= max(old.approvals, new.approvals)
        assert _approvers(both) == _approvers(old) & _approvers(new)
        assert both.klass == ("dangerous" if "dangerous" in {old.klass, new.klass} else "mitigation")
        for name in ("replicas", "mode"):
            assert _taken(both, name) == _taken(old, name) & _taken(new, name)
        leases = [one.lease for one in (old, new) if one.lease]
        assert both.lease == (min(leases) if leases else None)
    else:
        assert both.rule in {one.rule for one in (old, new) if not one.allowed}


@settings(max_examples=50)
@given(_DECISIONS, _DECISIONS, _DECISIONS)
def test_a_plan_is_bound_by_every_policy_that_it_has_seen(first: Decision, second: Decision, third: Decision) -> None:
    """Also when a change is taken back: the bounds of what was in force between stay with the plan."""
    seen = stricter(stricter(first, second), third)
    assert stricter(seen, third) == seen
    if seen.allowed:
        for one in (first, second, third):
            assert _approvers(seen) <= _approvers(one)
            assert seen.approvals >= one.approvals
