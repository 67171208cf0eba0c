"""What runbook 003 posts to its security webhook is an alert, by the receiver that the documentation shows."""

from __future__ import annotations

import yaml

from bot.alerts.kinds import discover
from bot.alerts.kinds.kind import Delivery
from bot.alerts.settings import ReceiverSettings
from tests.architecture.reading import ROOT


def test_the_security_webhook_of_runbook_003_is_an_alert() -> None:
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    shown = next(part for part in text.split("```yaml\n# here\n") if "receivers: {security:" in part[:60])
    settings = yaml.safe_load(shown.partition("```")[0])["alerts"]["receivers"]["security"]
    posted = b'{"severity": "high", "type": "security_incident", "component": "api-optimizer"}'
    receiver = ReceiverSettings.model_validate({**settings, "token": "a-token-of-the-tests"})
    heard = discover()["generic"].read(Delivery("security", {}, posted), receiver)
    [alert] = heard.alerts
    assert (alert.title, alert.service, alert.severity, alert.state) == (
        "security_incident", "api-optimizer", "high", "firing",
    )  # fmt: skip
