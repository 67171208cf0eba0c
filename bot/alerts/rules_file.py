"""The file of the rules for alerts, read at the start; without one, those that Tocsin comes with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from bot.policy_file import PolicyError, read_document, read_text
from commands.alerts.rules import Rules
from commands.domain.severity import Scheme
from commands.grammar.parser import meant
from commands.registry import Registry

_PACKAGED = "the rules for alerts that Tocsin comes with"


def rules_of(file: str, scheme: Scheme, registry: Registry) -> Rules:
    """Raises PolicyError for a file that is wrong: it names the line, the key and what is allowed."""
    text = read_text(Path(file)) if file else packaged()
    named = file or _PACKAGED
    rules = read_document(text, named, Rules, lambda content: Rules.model_validate(content, context=scheme))
    for rule in rules.rules:
        strange = [line for line in rule.run if meant(line, registry) is None]
        if strange:
            raise PolicyError(f"{named} is wrong:\n  - rule {rule.name}: run: there is no command {strange[0]}")
    return rules


def packaged() -> str:
    """The text of the default."""
    return (files("commands.alerts") / "default.yaml").read_text(encoding="utf-8")
