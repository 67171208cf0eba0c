"""The demo and the drill leave nothing behind: no process when they die, and no foreign file gone."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bot.demo.drill import WRITTEN, _clear
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
#: Under nohup a hangup would be ignored, and what is started here would take that over.
STACK = """
import signal, sys, time
from pathlib import Path
from bot.demo.processes import stack
signal.signal(signal.SIGHUP, signal.SIG_DFL)
with stack(Path(sys.argv[1]), workers=1, per_second=5):
    print("up", flush=True)
    time.sleep(120)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP], ids=["kill -9", "a closed terminal"])
def test_whatever_ends_the_demo_ends_all_that_it_started(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STACK, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True
    ) as demo:
        assert demo.stdout
        assert demo.stdout.readline() == b"up\n"
        started = psutil.Process(demo.pid).children(recursive=True)
        assert len(started) >= 4
        demo.send_signal(number)
        assert demo.wait(20) == -number
    eventually(lambda: not any(map(_runs, started)), "all of them end")


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_the_drill_removes_only_what_a_drill_wrote(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    kept = {"tocsin.db", "secret", "notes.md"}
    for name in (*WRITTEN, *kept):
        (tmp_path / name).write_text("x", encoding="ascii")
    _clear(tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == kept | {"photos"}
    _clear(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_make_clean_leaves_the_record() -> None:
    rule = re.search(r"^clean:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert rule
    assert "var" not in rule[1].split()
