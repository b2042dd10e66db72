"""Which of the configured models are in memory, and when they come and go."""
