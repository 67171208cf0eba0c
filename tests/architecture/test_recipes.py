"""Each recipe of `docs/howto/` is followed to the letter: its files are written where it says, and must work."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bot.store import schema
from commands.domain.incident import Incident
from tests.architecture.reading import ROOT, Block, blocks
from tests.fakes import FakeClock
from tests.world import World, settings_for, world

HOWTO = ROOT / "docs" / "howto"


class Followed:
    """The files of a recipe, written below a folder that the packages also look into."""

    def __init__(self, page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.blocks = [block for block in blocks(HOWTO / page) if block.file]
        self.settings = [block.code for block in blocks(HOWTO / page) if block.language == "yaml"]
        for block in self.blocks:
            file = folder / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.code, encoding="utf-8")
        package = importlib.import_module(str(Path(self.sources[0].file).parent).replace("/", "."))
        where = folder / Path(self.sources[0].file).parent
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(where)])

    @property
    def sources(self) -> list[Block]:
        """What belongs into the rooms."""
        return [block for block in self.blocks if not block.file.startswith("tests/")]

    @property
    def tests(self) -> Iterator[Any]:
        """The test functions that the recipe gives."""
        for block in self.blocks:
            if block.file.startswith("tests/"):
                module = ModuleType(Path(block.file).stem)
                exec(compile(block.code, block.file, "exec"), module.__dict__)
                yield from (one for name, one in vars(module).items() if name.startswith("test_"))


@pytest.fixture
def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Follow a recipe; what it added is forgotten afterwards."""
    before = set(sys.modules)
    yield lambda page: Followed(page, tmp_path / "recipe", monkeypatch)
    for name in set(sys.modules) - before:
        module = sys.modules[name]
        if str(tmp_path) in (getattr(module, "__file__", None) or ""):
            del sys.modules[name]
            parent, _, child = name.rpartition(".")
            delattr(sys.modules[parent], child)


@pytest.mark.parametrize("page", sorted(path.name for path in HOWTO.glob("*.md")))
def test_a_recipe_adds_one_file(page: str) -> None:
    sources = [block.file for block in blocks(HOWTO / page) if block.file and not block.file.startswith("tests/")]
    assert len(sources) == 1
    assert not (ROOT / sources[0]).exists(), "the recipe's example would replace a file of ours"


async def test_a_command_is_found_helped_with_and_run(follow: Any, sqlite_url: str) -> None:
    recipe = follow("add-a-command.md")
    async with world(settings_for(sqlite_url)) as tocsin:
        assert ("gw", "uptime") in tocsin.app.registry.commands
        assert "/gw uptime" in await tocsin.say("eve", "general", "/help gw")
        assert "how long" in await tocsin.say("eve", "general", "/help gw uptime")
        tests = list(recipe.tests)
        assert len(tests) == 2
        for test in tests:
            await test(tocsin)


async def test_an_adapter_is_found_chosen_and_keeps_its_contract(
    follow: Any, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import yaml

    from bot.outside import outside

    recipe = follow("add-an-adapter.md")
    chosen = yaml.safe_load(recipe.settings[0])
    chosen["on_call"] |= {"*": ["dev"]}
    settings = settings_for(sqlite_url, **chosen)
    async with outside(settings) as found:
        assert [contact.level for contact in await found.on_call.on_duty("gateway", at=FakeClock().now())] == [1, 2]
    tests = list(recipe.tests)
    assert len(tests) == 2
    for test in tests:
        await test(settings)


async def test_an_adapter_that_does_not_exist_is_named(sqlite_url: str) -> None:
    from bot.outside import outside
    from bot.settings import SettingsError

    with pytest.raises(SettingsError, match="nosuch"):
        async with outside(settings_for(sqlite_url, adapters={"on_call": "nosuch"})):
            pass


class Folders:
    """A person at the platform of the recipe."""

    def __init__(self, path: Path, tocsin: World) -> None:
        self.path = path
        self.tocsin = tocsin
        self.sent = 0

    def drop(self, person: str, channel: str, *, name: str = "", **what: str) -> None:
        """Put a file into the folder."""
        self.sent += 1
        (self.path / "in").mkdir(parents=True, exist_ok=True)
        draft = self.path / "in" / "draft"
        draft.write_text(json.dumps({"person": person, "channel": channel, **what}), encoding="utf-8")
        draft.replace(self.path / "in" / f"{name or f'{self.sent:04}'}.json")

    async def reads(self, channel: str, words: str) -> str:
        """The message with some words, once it is there."""

        async def look() -> str | None:
            files = sorted((self.path / "out" / channel).glob("*.txt"))
            return next((text for text in (file.read_text(encoding="utf-8") for file in files) if words in text), None)

        return str(await self.tocsin.until(look))

    async def arranged(self, channel: str) -> None:
        """Wait until the channel says what it is about."""

        async def said() -> bool:
            return (self.path / "out" / channel / "about.txt").exists()

        await self.tocsin.until(said)

    async def taken(self) -> None:
        """Wait until nothing lies in the folder."""

        async def empty() -> bool:
            return not list((self.path / "in").glob("*.json"))

        await self.tocsin.until(empty)

    async def incident(self) -> Incident:
        """The newest one."""

        async def found() -> list[Incident]:
            return await self.tocsin.app.store.look(lambda tx: tx.incidents.recent(open_only=False, limit=1))

        return (await self.tocsin.until(found))[0]  # type: ignore[no-any-return]


async def test_a_platform_is_found_connected_and_carries_an_incident(
    follow: Any, sqlite_url: str, tmp_path: Path
) -> None:
    follow("add-a-platform.md")
    path = tmp_path / "folder"
    section = {"folder": {"path": str(path), "every_seconds": 0.02}}
    async with world(settings_for(sqlite_url, platforms=section)) as tocsin:
        folder = Folders(path, tocsin)
        folder.drop("ana", "general", text="/incident declare sev1 API answers 502")
        incident = await folder.incident()
        assert incident.platform == "folder"
        await folder.reads(incident.channel, "API answers 502")

        folder.drop("ben", incident.channel, text="/gw scale 10")
        plan = await folder.reads(incident.channel, "Scale gateway up from 3 to 10 workers?")
        token = next(line.split(": ")[1] for line in plan.splitlines() if line.startswith("  Confirm: "))
        folder.drop("ana", incident.channel, token=token)
        await folder.reads(incident.channel, "Done: Scale gateway up from 3 to 10 workers")
        assert tocsin.gateway.asked == ["scale"]

        folder.drop("eve", incident.channel, text="/gw restart")
        assert "(only for eve)" in await folder.reads(incident.channel, "/gw restart is not for you")


async def test_a_platform_keeps_the_contract_of_the_outbox(follow: Any, sqlite_url: str, tmp_path: Path) -> None:
    """Every delivery is worked once and every message posted once, however often each comes."""
    follow("add-a-platform.md")
    path = tmp_path / "folder"
    section = {"folder": {"path": str(path), "every_seconds": 0.02}}
    async with world(settings_for(sqlite_url, platforms=section)) as tocsin:
        folder = Folders(path, tocsin)
        folder.drop("ana", "general", text="/incident declare sev2 twice the same", name="once")
        incident = await folder.incident()
        await folder.taken()
        folder.drop("ana", "general", text="/incident declare sev2 twice the same", name="once")
        folder.drop("mallory", "general", text="/incident list")
        folder.drop("ana", incident.channel, text="/incident note <b>bold</b>")
        await folder.taken()
        await folder.reads(incident.channel, "<b>bold</b>")
        assert len(await tocsin.app.store.look(lambda tx: tx.incidents.recent(open_only=False, limit=9))) == 1

        await folder.arranged(incident.channel)
        await folder.reads(incident.channel, "First steps")
        files = {file.name for file in (path / "out" / incident.channel).iterdir()}
        again = schema.messages.update().where(schema.messages.c.channel == incident.channel)
        await tocsin.app.store.database.write(lambda c: c.execute(again.values(delivered=0, reference=None)))
        tocsin.app.store.committed()

        async def delivered() -> bool:
            lost = schema.messages.select().where(schema.messages.c.reference.is_(None))
            return not await tocsin.app.store.database.read(lambda c: c.execute(lost).all())

        await tocsin.until(delivered)
        assert {file.name for file in (path / "out" / incident.channel).iterdir()} == files


async def test_a_platform_with_wrong_settings_is_refused(follow: Any, sqlite_url: str) -> None:
    from bot.settings import SettingsError

    follow("add-a-platform.md")
    with pytest.raises(SettingsError, match=r"platforms\.folder"):
        async with world(settings_for(sqlite_url, platforms={"folder": {"pth": "x"}})):
            pass


@pytest.mark.parametrize("page", sorted(path.name for path in HOWTO.glob("*.md")))
def test_the_code_of_a_recipe_passes_the_linters(page: str) -> None:
    import subprocess

    ruff = Path(sys.executable).with_name("ruff")
    for block in blocks(HOWTO / page):
        if block.file:
            command = [str(ruff), "check", "--no-cache", f"--stdin-filename={ROOT / block.file}", "-"]
            found = subprocess.run(command, input=block.code, capture_output=True, text=True, check=False, cwd=ROOT)
            assert found.returncode == 0, found.stdout
            format_it = [str(ruff), "format", "--no-cache", f"--stdin-filename={ROOT / block.file}", "-"]
            formatted = subprocess.run(
                format_it, input=block.code, capture_output=True, text=True, check=True, cwd=ROOT
            )
            assert formatted.stdout == block.code, block.file


def test_the_recipes_are_about_what_is_there() -> None:
    """The names in the recipes' sentences that look like files of ours are files of ours."""
    import re

    for page in HOWTO.glob("*.md"):
        own = {block.file for block in blocks(page)}
        for name in re.findall(r"`((?:bot|commands|tests|config)/[\w./-]+)`", page.read_text(encoding="utf-8")):
            assert name in own or (ROOT / name).exists(), f"{name} in {page.name}"
