"""Releases on the edge: what leaves as placeholders, how it comes back, where originals rest."""
