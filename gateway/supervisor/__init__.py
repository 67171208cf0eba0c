"""The parent process: listeners, workers, operations and their history."""
