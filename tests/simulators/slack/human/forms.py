"""What people do with modals: fill them in, send them, close them."""

from __future__ import annotations

from typing import Any

from tests.simulators.slack.blocks.check import problems_of_view
from tests.simulators.slack.deliveries import Ack
from tests.simulators.slack.errors import NotPossible
from tests.simulators.slack.human import fields
from tests.simulators.slack.human.base import Who
from tests.simulators.slack.human.press import Press
from tests.simulators.slack.model import Team, User, View
from tests.simulators.slack.web.content import elements, with_ids


class Forms(Press):
    """Modals."""

    def modal(self, who: Who) -> View | None:
        """The modal that somebody sees."""
        user = self.user(who)
        stack = self.core.screens.stack(self._team_of(user), user.id)
        return stack[-1] if stack else None

    def _visible(self, user: User, view: View | str | None) -> View:
        top = self.modal(user)
        if top is None or (view not in {None, top.id} if isinstance(view, str | None) else view is not top):
            raise NotPossible(f"{user.name} does not see this modal")
        return top

    async def submit(self, who: Who, view: View | str | None = None, values: dict[str, Any] | None = None) -> Ack:
        """Fill in fields by block id, action id or label, and send; what the app said is done."""
        user = self._acting(who)
        shown, team = self._visible(user, view), self._team_of(user)
        self.fill(shown, values or {})
        if not shown.content.get("submit") or shown.content.get("submit_disabled"):
            raise NotPossible("this modal cannot be submitted")
        self._complete(shown)
        payload = self._envelope("view_submission", team, user, shown.id) | {
            "view": self._view(shown),
            "response_urls": [],
        }
        ack = await self.core.deliveries.ask("interactive", payload)
        if ack.ok:
            self._follow(team, shown, ack.body)
        else:
            self._complain(None, user, "Sending this form", ack)
            shown.errors[""] = "We had some trouble connecting. Try again?"
        return ack

    def fill(self, view: View, values: dict[str, Any]) -> None:
        """Write into the fields of a modal."""
        for name, value in values.items():
            block, element = self._field(view, name)
            state = fields.chosen(element, value, self._find)
            view.values.setdefault(block["block_id"], {})[element["action_id"]] = state

    def _field(self, view: View, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        known = [(block, one) for block in view.content["blocks"] for one in elements(block)]
        for block, element in known:
            label = (block.get("label") or {}).get("text")
            if element["type"] in fields.EMPTY and name in {block["block_id"], element["action_id"], label}:
                return block, element
        raise NotPossible(f"there is no field {name!r}")

    def _complete(self, view: View) -> None:
        """The fields that nobody touched hold what they began with; required ones hold something."""
        for block in view.content["blocks"]:
            for element in elements(block):
                if element["type"] in fields.EMPTY and element["type"] != "overflow":
                    own = view.values.setdefault(block["block_id"], {})
                    state = own.setdefault(element["action_id"], fields.untouched(element))
                    self._acceptable(block, element, state)

    def _acceptable(self, block: dict[str, Any], element: dict[str, Any], state: dict[str, Any]) -> None:
        if block["type"] != "input":
            return
        label = block["label"]["text"]
        if fields.is_empty(state):
            if not block.get("optional"):
                raise NotPossible(f"{label}: please complete this required field")
        elif words := fields.refused(element, state):
            raise NotPossible(f"{label}: {words}")

    def _follow(self, team: Team, view: View, body: Any) -> None:
        """Do what the app answered to a submission."""
        action = body.get("response_action") if isinstance(body, dict) else None
        if not body:
            self._done(team, view)
        elif action == "clear":
            self.core.screens.close(team, view, all_of_them=True)
        elif action == "errors":
            self._show_errors(view, body.get("errors"))
        elif action in {"update", "push"}:
            self._show(team, view, str(action), body.get("view"))
        else:
            self.core.violation(f"view_submission: an answer with response_action {action!r}")

    def _done(self, team: Team, view: View) -> None:
        self.core.screens.close(team, view, all_of_them=bool(view.content.get("clear_on_close")))

    def _show_errors(self, view: View, errors: Any) -> None:
        inputs = {block["block_id"] for block in view.content["blocks"] if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors or set(errors) - inputs:
            self.core.violation(f"view_submission: errors for no such inputs: {errors}")
            return
        view.errors = {str(name): str(words) for name, words in errors.items()}
        self.core.changed()

    def _show(self, team: Team, view: View, action: str, content: Any) -> None:
        wrong = problems_of_view(content)
        if wrong:
            self.core.violation(f"view_submission {action}: {'; '.join(wrong)}")
            view.errors[""] = "We had some trouble connecting. Try again?"
            return
        ready = {**content, "blocks": with_ids(content["blocks"], self.core.state.id)}
        if action == "update":
            self.core.screens.replace(view, ready)
        elif len(self.core.screens.stack(team, view.user)) >= 3:
            self.core.violation("view_submission push: more than three modals")
        else:
            self.core.screens.push(team, view.user, ready)

    async def close(self, who: Who, view: View | str | None = None, *, all_of_them: bool = False) -> None:
        """Close the modal with its button, or the whole stack with the cross."""
        user = self._acting(who)
        shown, team = self._visible(user, view), self._team_of(user)
        whole = all_of_them or bool(shown.content.get("clear_on_close"))
        gone = self.core.screens.stack(team, user.id) if whole else [shown]
        self.core.screens.close(team, shown, all_of_them=whole)
        for one in gone:
            if one.content.get("notify_on_close"):
                payload = self._envelope("view_closed", team, user)
                payload.pop("trigger_id")
                payload |= {"view": self._view(one), "is_cleared": whole}
                await self.core.deliveries.ask("interactive", payload)
