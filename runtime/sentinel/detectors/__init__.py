"""One detector family per file; each is a ``runtime.sentinel.detector.Detector``."""
