"""The console: a chat page of our own, as a platform like any other."""
