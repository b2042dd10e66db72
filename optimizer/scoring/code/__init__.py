"""Answers that are code: found in the text, run in a sandbox, compared outside it."""
