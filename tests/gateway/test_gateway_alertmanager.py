"""Who hears of which alert: Alertmanager's configuration of runbook 002 (5.2), read by amtool."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml

from tests.gateway.running import ROOT

CONFIG = ROOT / "deploy" / "prometheus" / "alertmanager.yaml"
SEEDS = ROOT.parent / "shared" / "seeds"
NEEDS_AMTOOL = pytest.mark.skipif(
    shutil.which("amtool") is None, reason="amtool is not installed (Debian: prometheus-alertmanager)"
)


def amtool(*arguments: str) -> str:
    """What it prints. It must have nothing to complain of."""
    done = subprocess.run(["amtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@NEEDS_AMTOOL
def test_amtool_takes_it() -> None:
    assert "4 receivers" in amtool("check-config", str(CONFIG))


@NEEDS_AMTOOL
@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["alertname=GatewayPodsDown", "severity=critical"], "tocsin,pagerduty,slack"),
        (["alertname=HighLatency", "severity=warning"], "tocsin,slack"),
        (["alertname=Deployed", "severity=info"], "tocsin,default"),
        (["alertname=Unlabelled"], "tocsin,default"),
    ],
    ids=lambda one: one if isinstance(one, str) else one[0],
)
def test_who_hears_of_it(labels: list[str], receivers: str) -> None:
    assert amtool("config", "routes", "test", f"--config.file={CONFIG}", *labels).strip() == receivers


def test_it_groups_waits_and_names_channels_as_the_runbook_does() -> None:
    book = next(iter(SEEDS.glob("002_*")), None) if SEEDS.is_dir() else None
    if book is None:
        pytest.skip("the runbooks are not here")
    wanted = yaml.safe_load(re.findall(r"```yaml\n# alertmanager\.yaml\n(.*?)```", book.read_text(), re.DOTALL)[0])
    ours = yaml.safe_load(CONFIG.read_text())
    for key in ("receiver", "group_by", "group_wait", "group_interval", "repeat_interval"):
        assert ours["route"][key] == wanted["route"][key]
    assert _channels(wanted).items() <= _channels(ours).items()


def _channels(config: dict[str, list[dict[str, list[dict[str, str]]]]]) -> dict[str, str]:
    return {str(one["name"]): said["channel"] for one in config["receivers"] for said in one.get("slack_configs") or ()}
