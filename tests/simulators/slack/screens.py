"""What each person has on their screen: a stack of modals, and the home tab."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tests.simulators.slack.model import Team, View
from tests.simulators.slack.state import State
from tests.simulators.slack.web.views import new_hash


class Screens:
    """Opens, changes and closes views."""

    def __init__(self, state: State, changed: Callable[[], None]) -> None:
        self._state = state
        self._changed = changed
        self.sent: list[View] = []

    def stack(self, team: Team, user: str) -> list[View]:
        """The modals of somebody, the visible one last."""
        return [team.views[one] for one in team.stacks.get(user, [])]

    def open(self, team: Team, user: str, content: dict[str, Any]) -> View:
        """A modal in place of whatever was open."""
        for one in self.stack(team, user):
            one.open = False
        team.stacks[user] = []
        return self.push(team, user, content)

    def push(self, team: Team, user: str, content: dict[str, Any]) -> View:
        """A modal on top."""
        stack = team.stacks.setdefault(user, [])
        view = self._view(team, user, content)
        view.root, view.previous = (stack[0], stack[-1]) if stack else (view.id, "")
        team.views[view.id] = view
        stack.append(view.id)
        self._changed()
        return view

    def replace(self, view: View, content: dict[str, Any]) -> None:
        """A view has other content; what was filled in stays where the fields stayed."""
        kept = {block["block_id"] for block in content["blocks"]}
        view.content = content
        view.hash = new_hash(content, self._state.now, self._state.id("h"))
        view.values = {name: value for name, value in view.values.items() if name in kept}
        view.errors = {}
        self.sent.append(copy.deepcopy(view))
        self._changed()

    def close(self, team: Team, view: View, *, all_of_them: bool = False) -> None:
        """The visible one goes, or the whole stack."""
        stack = team.stacks.get(view.user, [])
        for one in list(stack) if all_of_them else [view.id]:
            team.views[one].open = False
            stack.remove(one)
        self._changed()

    def publish(self, team: Team, user: str, content: dict[str, Any]) -> View:
        """The home tab of somebody."""
        known = team.homes.get(user)
        if known is None:
            known = team.homes[user] = self._view(team, user, content)
            known.root = known.id
            self._changed()
        else:
            self.replace(known, content)
        return known

    def _view(self, team: Team, user: str, content: dict[str, Any]) -> View:
        number = self._state.id("V")
        view = View(number, team.id, user, content, new_hash(content, self._state.now, number), number)
        self.sent.append(copy.deepcopy(view))
        return view
