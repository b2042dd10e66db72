"""Tensor models for local applications: what a call must look like before a model sees it."""
