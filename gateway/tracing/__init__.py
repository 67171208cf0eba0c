"""Traces of requests, for a collector of OpenTelemetry's protocol."""
