"""The policy in force. It may change at any moment, without a restart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from commands.policy.document import Policy
from commands.policy.people import People
from commands.policy.question import Decision, Explanation, Question


@dataclass(frozen=True)
class Standing:
    """The policy, where it is from and since when it is in force here. `wrong`: why its file was not taken since."""

    policy: Policy
    source: str
    since: datetime
    wrong: str = ""


class Policing(Protocol):
    """Answers from the policy in force; never raises, and never waits."""

    def decide(self, question: Question) -> Decision: ...

    def explain(self, question: Question) -> Explanation: ...

    def could(self, question: Question) -> bool:
        """Whether there may be a target and arguments with which the answer is yes."""

    def who_could(self, question: Question) -> People | None:
        """Who may run it here and now."""

    def standing(self) -> Standing: ...
