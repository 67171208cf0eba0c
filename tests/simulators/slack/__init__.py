"""A simulator of Slack that is stricter than Slack: Web API, Events API, interactivity, Socket Mode."""

from tests.simulators.slack.simulator import Slack

__all__ = ["Slack"]
