"""The sentinel's model: what a text holds beyond what patterns can see, and its embedding."""
