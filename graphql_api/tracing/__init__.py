"""Spans of OpenTelemetry: how long each step of a request took."""
