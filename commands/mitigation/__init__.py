"""Mitigations: how a plan is made, decided and run. The rules are those of mitigation.md."""
