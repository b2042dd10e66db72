"""Answers given before, kept apart by tenant and label, in memory only."""
