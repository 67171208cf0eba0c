"""What becomes of alerts: rules, grouping, silences; pure decisions."""
