"""One grammar for all platforms: text to typed arguments, never a shell."""
