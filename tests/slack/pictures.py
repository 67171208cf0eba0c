"""Pictures of every card, for the eye: `python -m tests.slack.pictures OUTDIR`.

An independent renderer of Block Kit (the npm package slack-blocks-to-jsx) draws the blocks in headless Chromium, as
wide as a phone and as a desktop, light and dark. Where a program is missing, it says which one and draws nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bot.charts import png
from bot.platforms.slack.blocks import Names, render
from commands.cards import Card
from tests.slack.gallery import every_card, names

CACHE = Path(os.environ.get("XDG_CACHE_HOME", "var/cache")) / "slack-pictures"
PACKAGES = ("slack-blocks-to-jsx@1.1.1", "react@19", "react-dom@19", "esbuild@0.28.2")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FILE = "F0PICTURE"
WIDTHS = {"phone": 390, "desktop": 860}

ENTRY = """
import React from "react";
import { createRoot } from "react-dom/client";
import { flushSync } from "react-dom";
import { Message } from "slack-blocks-to-jsx";
const root = createRoot(document.getElementById("root"));
window.show = (blocks, theme, data) => {
  document.body.style.background = theme === "dark" ? "#1a1d21" : "#ffffff";
  const props = { blocks, theme, data, name: "Tocsin", logo: window.logo, time: new Date(0) };
  flushSync(() => root.render(React.createElement(Message, { ...props, key: Math.random() })));
};
"""
PAGE = """<!doctype html><meta charset="utf-8"><style>body { margin: 0; padding: 12px }
#root { overflow-wrap: anywhere }</style><div id="root"></div>"""
LOGO = (
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'>"
    "<rect width='24' height='24' rx='4' fill='%23b3261e'/>"
    "<path d='M12 5a5 5 0 0 0-5 5v4l-1 2h12l-1-2v-4a5 5 0 0 0-5-5zm-2 12a2 2 0 0 0 4 0z' fill='white'/></svg>"
)


class MissingError(Exception):
    """What is missing on this machine, in a sentence."""


def bundle() -> tuple[Path, Path]:
    """The script and the style sheet; packages are installed once, outside the repository's files."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise MissingError(f"no {program} on this machine")
    CACHE.mkdir(parents=True, exist_ok=True)
    script = CACHE / "bundle.js"
    if not script.exists():
        (CACHE / "package.json").write_text("{}")
        (CACHE / "entry.js").write_text(ENTRY)
        _run("npm", "install", "--no-audit", "--no-fund", *PACKAGES)
        production = '--define:process.env.NODE_ENV="production"'
        _run("node_modules/.bin/esbuild", "entry.js", "--bundle", production, "--outfile=bundle.js")
    return script, CACHE / "node_modules/slack-blocks-to-jsx/dist/style.css"


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise MissingError(f"{' '.join(command[:2])} failed: {done.stderr.strip()[-300:]}")


def draw(cards: dict[str, Card], folder: Path) -> int:
    """One picture for each card, width and theme; how many."""
    if CHROMIUM is None:
        raise MissingError("no Chromium on this machine")
    script, style = bundle()
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
        drawn = sum(_draw(browser, cards, folder, script, style, wide, theme) for wide, theme in _looks())
        browser.close()
    return drawn


def _looks() -> list[tuple[str, str]]:
    return [("phone", "light"), ("phone", "dark"), ("desktop", "light"), ("desktop", "dark")]


def _draw(
    browser: Browser, cards: dict[str, Card], folder: Path, script: Path, style: Path, wide: str, theme: str
) -> int:
    scale = 2 if wide == "phone" else 1
    page = browser.new_page(viewport={"width": WIDTHS[wide], "height": 400}, device_scale_factor=scale)
    prepare(page, script, style)
    for name, card in cards.items():
        _show(page, card, theme)
        page.screenshot(path=folder / f"{name}.{wide}.{theme}.png", full_page=True)
    page.close()
    return len(cards)


def prepare(page: Page, script: Path, style: Path) -> None:
    """An empty page that knows how to show blocks."""
    page.set_content(PAGE)
    page.evaluate("logo => { window.logo = logo }", LOGO)
    page.add_style_tag(path=style)
    page.add_script_tag(path=script)


def _show(page: Page, card: Card, theme: str) -> None:
    page.evaluate("([blocks, theme, data]) => window.show(blocks, theme, data)", [blocks(card), theme, _workspace()])
    page.wait_for_timeout(30)


def blocks(card: Card, known: Names | None = None) -> list[dict[str, Any]]:
    """Without `verbatim`: Slack still formats such text, and this renderer does not. Charts as they are uploaded."""
    text = json.dumps(render(card, known or names(), key="picture", picture=FILE).blocks)
    found: list[dict[str, Any]] = json.loads(text.replace(', "verbatim": true', ""))
    for block in found:
        if block.pop("slack_file", None) and card.chart:
            block["image_url"] = f"data:image/png;base64,{b64encode(png(card.chart)).decode()}"
    return found


def _workspace() -> dict[str, Any]:
    users = [{"id": names().user(one), "name": names().name(one)} for one in ("ana", "ben", "chloe", "dev")]
    return {"users": users, "channels": [{"id": "C0INCIDENT", "name": "incident-20260301-001"}]}


def main() -> None:
    """Draw them all, and the blocks beside them."""
    folder = Path(sys.argv[1])
    cards = asyncio.run(every_card())
    try:
        drawn = draw(cards, folder)
    except MissingError as reason:
        print(f"skipped: {reason}")
        return
    for name, card in cards.items():
        text = json.dumps(render(card, names(), key="picture", picture=FILE).blocks, indent=1, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    print(f"{drawn} pictures in {folder}")


if __name__ == "__main__":
    main()
