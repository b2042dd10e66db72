"""Logs, metrics and traces: content-free by construction."""
