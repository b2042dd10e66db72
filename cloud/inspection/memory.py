"""What earlier scans found, so that the same text is not scanned again.

A conversation sends all its earlier turns with every new one, and a system prompt goes with every
call. Holds keyed digests and counts, never a text.
"""

import hashlib
from collections import OrderedDict

from cloud.inspection.clearance import Finding

__all__ = ["ScanMemory"]

_DIGEST_BYTES = 16


class ScanMemory:
    """Findings by text, the least recently used forgotten first.

    Args:
        key: 32 random bytes of this process; digests mean nothing without them.
        max_entries: How many findings are kept.
    """

    def __init__(self, key: bytes, *, max_entries: int) -> None:
        self._key = key
        self._max_entries = max_entries
        self._findings: OrderedDict[bytes, Finding] = OrderedDict()

    def digest(self, tenant: str, text: str, *, is_name: bool = False) -> bytes:
        """Return the name under which a text is remembered; a name is scanned otherwise than one.

        It holds the tenant: otherwise the time of an answer would tell one tenant that another
        had sent the very same text.
        """
        mac = hashlib.blake2b(key=self._key, digest_size=_DIGEST_BYTES)
        owner = tenant.encode()
        mac.update(len(owner).to_bytes(4, "big") + owner + bytes([is_name]))
        mac.update(text.encode("utf-8", "surrogatepass"))
        return mac.digest()

    def recall(self, digest: bytes) -> Finding | None:
        """Return what was found in that text, or ``None`` when it is not remembered."""
        finding = self._findings.get(digest)
        if finding is not None:
            self._findings.move_to_end(digest)
        return finding

    def keep(self, digest: bytes, finding: Finding) -> None:
        """Remember a finding; one with failed detectors is not, so that the next call tries."""
        if finding.failed:
            return
        self._findings[digest] = finding
        self._findings.move_to_end(digest)
        if len(self._findings) > self._max_entries:
            self._findings.popitem(last=False)
