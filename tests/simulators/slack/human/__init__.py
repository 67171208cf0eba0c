"""What people do in Slack, as their clients tell the app of it."""
