"""Searching on a record: answer matrices, team spaces, evaluators that spend nothing."""
