"""The services behind the gateway: their settings, and which target of one a request goes to."""
