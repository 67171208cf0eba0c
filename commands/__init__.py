"""The pure core: domain, grammar, registry, ports and handlers. No I/O; imports no other room."""
