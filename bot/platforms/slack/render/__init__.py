"""The parts of a card as the parts of a Slack message."""
