"""One file a command (or a family of one noun). Each has COMMANDS, and CLICKS for its buttons."""
