"""The tour of docs/tour.md: played by people in the console and in Slack, written down as they read it."""
