"""What people press: buttons, menus, shortcuts."""

from __future__ import annotations

from typing import Any

from tests.simulators.slack import outlook
from tests.simulators.slack.deliveries import Ack
from tests.simulators.slack.errors import NotPossible
from tests.simulators.slack.human import fields
from tests.simulators.slack.human.base import Person, Where, Which, Who
from tests.simulators.slack.model import Channel, Message, Team, User, View
from tests.simulators.slack.web.content import elements

Found = tuple[dict[str, Any], dict[str, Any]]


def find_element(blocks: list[dict[str, Any]], what: str) -> Found:
    """The block and element that have this action id, or show these words."""
    known = [(block, one) for block in blocks for one in elements(block)]
    for match in (_by_id, _by_words):
        for block, one in known:
            if match(block, one, what):
                return block, one
    shown = [(one.get("text") or {}).get("text") or one.get("action_id") for _, one in known]
    raise NotPossible(f"there is nothing to press called {what!r}; there are {shown}")


def _by_id(block: dict[str, Any], one: dict[str, Any], what: str) -> bool:
    return what in {one.get("action_id"), block.get("block_id")}


def _by_words(block: dict[str, Any], one: dict[str, Any], what: str) -> bool:
    texts = [one.get("text"), one.get("placeholder"), block.get("label")]
    return any(isinstance(text, dict) and text.get("text") == what for text in texts)


class Press(Person):
    """Clicking."""

    async def click(self, who: Who, target: Message | View | str, what: str, *, channel: Where | None = None) -> Ack:
        """Press a button, by its action id or its words, in a message, a modal or a home tab; confirmed if asked."""
        return await self.select(who, target, what, None, channel=channel)

    async def select(
        self, who: Who, target: Message | View | str, what: str, value: Any, *, channel: Where | None = None
    ) -> Ack:
        """Choose something in a menu, a picker or a group of boxes."""
        found = self._target(target, channel)
        user = self._acting(who, found.channel if isinstance(found, Message) else None)
        if isinstance(found, Message) and found.ephemeral_to not in {"", user.id}:
            raise NotPossible(f"{user.name} does not see this message")
        block, element = find_element(self._blocks(found), what)
        action = self._action(block, element, value)
        payload = self._in_message(user, found) if isinstance(found, Message) else self._in_view(user, found)
        self._remember(found, block, element, action)
        payload["actions"] = [action]
        ack = await self.core.deliveries.ask("interactive", payload)
        if not ack.ok:
            place = self.channel(found.channel) if isinstance(found, Message) else None
            self._complain(place, user, "This action", ack)
        return ack

    def _target(self, target: Message | View | str, channel: Where | None) -> Message | View:
        if not isinstance(target, str):
            return target
        if channel is not None:
            return self.message(channel, target)
        for team in self.core.state.teams.values():
            for view in [*team.views.values(), *team.homes.values()]:
                if view.id == target:
                    return view
        raise NotPossible(f"say in which channel {target!r} is")

    def _blocks(self, target: Message | View) -> list[dict[str, Any]]:
        if isinstance(target, View):
            return list(target.content["blocks"])
        attached = [block for one in target.attachments or [] for block in one.get("blocks") or []]
        return [*(target.blocks or []), *attached]

    def _action(self, block: dict[str, Any], element: dict[str, Any], value: Any) -> dict[str, Any]:
        base = {
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            "type": element["type"],
            "action_ts": self.core.state.ts(),
        }
        if element["type"] == "button":
            kept = {name: element[name] for name in ("text", "value", "style", "url") if name in element}
            return base | kept
        return base | fields.chosen(element, value, self._find)

    def _find(self, kind: str, name: str) -> str:
        if kind == "user":
            return self.user(name).id
        return self.channel(name).id

    def _remember(self, target: Message | View, block: Any, element: Any, action: dict[str, Any]) -> None:
        if isinstance(target, View) and element["type"] != "button":
            key = fields.EMPTY[element["type"]]
            kept = {"type": element["type"], key: action.get(key)}
            target.values.setdefault(block["block_id"], {})[element["action_id"]] = kept

    def _in_message(self, user: User, message: Message) -> dict[str, Any]:
        place = self.channel(message.channel)
        team = self.core.state.teams[place.team]
        url = self._response_url(team, place, user, message)
        container: dict[str, Any] = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": place.id,
            "is_ephemeral": bool(message.ephemeral_to),
        }
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        payload = self._envelope("block_actions", team, user) | {
            "container": container,
            "channel": self._place(place),
            "state": {"values": {}},
            "response_url": f"{self.core.base_url}/actions/{url.id}",
        }
        return payload if message.ephemeral_to else payload | {"message": outlook.message(message, place, team)}

    def _in_view(self, user: User, view: View) -> dict[str, Any]:
        if not view.open or view.user != user.id:
            raise NotPossible(f"{user.name} has no such view open")
        team = self.core.state.teams[view.team]
        return self._envelope("block_actions", team, user, view.id) | {
            "container": {"type": "view", "view_id": view.id},
            "view": self._view(view),
        }

    def _view(self, view: View) -> dict[str, Any]:
        return outlook.view(view, self.core.app_id, self.core.state.installation(view.team).bot.bot_id)

    def _place(self, place: Channel) -> dict[str, Any]:
        names = {"private": "privategroup", "im": "directmessage"}
        return {"id": place.id, "name": names.get(place.kind, place.name)}

    async def global_shortcut(self, who: Who, callback_id: str) -> Ack:
        """Choose a shortcut of the app from the search bar."""
        user = self._acting(who)
        payload = self._envelope("shortcut", self._team_of(user), user)
        payload |= {"callback_id": callback_id, "action_ts": self.core.state.ts()}
        return await self._shortcut(None, user, payload)

    async def message_shortcut(self, who: Who, channel: Where, message: Which, callback_id: str) -> Ack:
        """Choose a shortcut of the app from the menu of a message."""
        place, user = self.channel(channel), self._acting(who, channel)
        known, team = self.message(place, message), self._team_of(user, place)
        if known.ephemeral_to:
            raise NotPossible("ephemeral messages have no shortcuts")
        url = self._response_url(team, place, user, known)
        payload = self._envelope("message_action", team, user) | {
            "callback_id": callback_id,
            "action_ts": self.core.state.ts(),
            "channel": self._place(place),
            "message_ts": known.ts,
            "message": outlook.message(known, place, team),
            "response_url": f"{self.core.base_url}/actions/{url.id}",
        }
        return await self._shortcut(place, user, payload)

    async def _shortcut(self, place: Channel | None, user: User, payload: dict[str, Any]) -> Ack:
        payload.pop("api_app_id")  # only block actions and views carry it
        ack = await self.core.deliveries.ask("interactive", payload)
        if not ack.ok:
            self._complain(place, user, "The shortcut", ack)
        return ack

    async def suggest(self, who: Who, view: View, what: str, typed: str) -> list[str]:
        """Type into a menu whose options come from the app; what it offers."""
        user = self._acting(who)
        block, element = find_element(self._blocks(view), what)
        payload = self._in_view(user, view) | {
            "type": "block_suggestion",
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            "value": typed,
        }
        payload.pop("trigger_id")
        ack = await self.core.deliveries.ask("interactive", payload)
        body = ack.body if isinstance(ack.body, dict) else {}
        groups = [group["options"] for group in body.get("option_groups", [])]
        return [one["text"]["text"] for group in [body.get("options", []), *groups] for one in group]

    async def open_home(self, who: Who) -> str:
        """Look at the app's home tab, as it is at this moment."""
        user = self._acting(who)
        team: Team = self._team_of(user)
        home = team.homes.get(user.id)
        self.core.happen.open_home(team, user, self._view(home) if home else None)
        return self.core.transcripts.view(home) if home else ""
