"""A process that holds prompts cannot be dumped."""

import subprocess
import sys

_PR_GET_DUMPABLE = 3
_TELLS = f"""
import ctypes, resource
from runtime.core_dumps import forbid_core_dumps
libc = ctypes.CDLL(None)
before = libc.prctl({_PR_GET_DUMPABLE}, 0, 0, 0, 0)
forbid_core_dumps()
print(before, libc.prctl({_PR_GET_DUMPABLE}, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_a_process_that_forbids_dumps_is_not_dumpable_by_any_way() -> None:
    told = subprocess.run([sys.executable, "-c", _TELLS], capture_output=True, check=True)

    assert told.stdout == b"1 0 (0, 0)\n"
