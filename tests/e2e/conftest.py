"""A browser, and the whole demo as its own process."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; the test is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    """What `make demo` starts; the address that it prints. Ctrl-C ends it, and all that it started."""
    command = [str(Path(sys.executable).with_name("tocsin")), "demo", "--port", "0", "--any-port"]
    with (tmp_path / "errors.log").open("w") as errors:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            found = re.search(r"ready:\s+(http://\S+)", line)
            if found:
                yield found[1]
                break
        else:
            raise AssertionError("".join(lines) + (tmp_path / "errors.log").read_text())
    finally:
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=40)[0]
        assert "everything that was started has ended" in rest
        assert (tmp_path / "errors.log").read_text() == ""
