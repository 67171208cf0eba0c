"""The drills that Tocsin comes with: `default.yaml`."""
