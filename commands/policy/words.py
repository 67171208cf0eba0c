"""A rule and a decision in plain words."""

from __future__ import annotations

from commands.policy.document import Bound, Policy, Rule, Where
from commands.policy.question import Decision
from commands.presentation.words import lasting


def rule_words(policy: Policy, rule: Rule) -> list[tuple[str, str]]:
    """What a rule says, as pairs of a label and its text; what it leaves out is left out."""
    said = [
        ("Effect", rule.effect),
        ("Commands", ", ".join(rule.commands)),
        ("Classes", ", ".join(rule.classes)),
        ("Who", policy.people(rule.who).words() if rule.who else "everybody"),
        ("Where", _where(rule.where) if rule.where else ""),
        ("When", _when(policy, rule)),
        ("Only with", _bounds(rule.arguments)),
        ("Limits", _bounds(rule.limits)),
        ("Budget", _budget(rule)),
        ("Again after", lasting(rule.cooldown) if rule.cooldown else ""),
        ("Approvals", _approvals(policy, rule)),
        ("Longest lease", lasting(rule.lease) if rule.lease else ""),
        ("Counts as", rule.treat_as or ""),
        ("Why", rule.reason),
        ("Ask", rule.ask or policy.ask),
    ]
    return [(label, text) for label, text in said if text]


def about(rule: Rule) -> str:
    """What a rule is about: `gw scale`, `mitigation`, `gw * (mitigation)`."""
    classes = ", ".join(rule.classes)
    return (
        f"{', '.join(rule.commands)} ({classes})" if rule.commands and classes else ", ".join(rule.commands) or classes
    )


def condition(policy: Policy, rule: Rule) -> str:
    """Where and when a rule holds; empty where it always does."""
    parts = (_where(rule.where) if rule.where else "", _when(policy, rule), _bounds(rule.arguments))
    return "; ".join(part for part in parts if part)


def bounds(policy: Policy, rule: Rule) -> str:
    """What bounds a rule that allows."""
    lease = f"leased for at most {lasting(rule.lease)}" if rule.lease else ""
    pause = f"again after {lasting(rule.cooldown)}" if rule.cooldown else ""
    raised = f"counts as {rule.treat_as}" if rule.treat_as else ""
    parts = (_bounds(rule.limits), _budget(rule), pause, _approvals(policy, rule), lease, raised)
    return "; ".join(part for part in parts if part)


def terms(decision: Decision) -> list[tuple[str, str]]:
    """Under which bounds a decision allows."""
    said = [
        ("Approvals", _needed(decision.approvals, decision.approver_words()) if decision.approvals else ""),
        ("Limits", _bounds(decision.limits)),
        ("Longest lease", lasting(decision.lease) if decision.lease else ""),
    ]
    return [(label, text) for label, text in said if text]


def _where(where: Where) -> str:
    named = (
        ("service", where.services),
        ("cluster", where.clusters),
        ("namespace", where.namespaces),
        ("channel", where.channels),
        ("platform", where.platforms),
    )
    parts = [f"{what} {' or '.join(names)}" for what, names in named if names]
    if where.severity:
        parts.append(f"in an open incident of {' or '.join(where.severity)}")
    elif where.incident is not None:
        parts.append("in an open incident" if where.incident else "outside of incidents")
    return ", ".join(parts)


def _when(policy: Policy, rule: Rule) -> str:
    if rule.when is None:
        return ""
    windows = {name: f"{name} ({policy.windows[name].words()})" for name in (*rule.when.within, *rule.when.outside)}
    within = f"within {' or '.join(windows[name] for name in rule.when.within)}" if rule.when.within else ""
    outside = f"outside {' and '.join(windows[name] for name in rule.when.outside)}" if rule.when.outside else ""
    return ", ".join(part for part in (within, outside) if part)


def _bounds(bounds: dict[str, Bound]) -> str:
    return ", ".join(f"{name} {bound.words()}" for name, bound in bounds.items())


def _budget(rule: Rule) -> str:
    if rule.blast is None:
        return ""
    return f"at most {rule.blast.percent:g}% of a service's ready capacity removed within {lasting(rule.blast.within)}"


def _approvals(policy: Policy, rule: Rule) -> str:
    if rule.approvals is None:
        return ""
    who = rule.approvals.who or rule.who
    return _needed(rule.approvals.count, policy.people(who).words() if who else "")


def _needed(count: int, who: str) -> str:
    return f"{'1 other person' if count == 1 else f'{count} other people'} ({who})"
