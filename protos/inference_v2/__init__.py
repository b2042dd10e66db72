"""The Open Inference Protocol, version 2, as its public specification numbers it."""
