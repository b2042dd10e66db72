"""Property tests draw the same examples in every run of `make test`, and fresh ones in `test-long`.

A failure in CI is then one that everybody can repeat; the long profile goes on looking.
"""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile("repeatable")
