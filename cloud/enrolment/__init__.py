"""How a device gets its certificate."""
