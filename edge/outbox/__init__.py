"""Requests that wait for the cloud: kept through crashes and reboots, answered once."""
