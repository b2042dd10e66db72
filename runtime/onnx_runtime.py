"""ONNX Runtime, kept from telling its maker how it is used.

Its wheels for Linux make an id of the device, keep events in the home directory and send them off
every few seconds: a second door, past the egress. What its API offers against that comes too late,
so a variable is set before the library loads. Everybody takes the library from here.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # noqa: TID251 - written for the library, not a setting

import onnxruntime

__all__ = ["onnxruntime"]
