"""A language model that judges answers: its prompt, its verdict, its cost, what it may be shown."""
