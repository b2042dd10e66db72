"""Which release of the software runs on this device: fetched, tried, kept, or left again.

``pointer``, ``launched``, ``manager``, ``launcher`` and ``main`` are the launcher, which starts the
daemon and is never replaced with it: they import the standard library and nothing that is not as
plain. A release of its own cannot break them.
"""
