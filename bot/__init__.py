"""The bot's process: composition root, platforms, adapters, store, engine and web."""
