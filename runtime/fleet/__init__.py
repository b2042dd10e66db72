"""What the devices of a fleet should have: the document that says it, and the order to take it."""
