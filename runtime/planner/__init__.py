"""Decide where each step of a graph runs; a pure function."""
