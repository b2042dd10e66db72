"""Which provider answers a call, how often it is tried, and when one is left alone."""
