"""The whole of Tocsin on one machine: an upstream, the gateway, a load and the bot."""
