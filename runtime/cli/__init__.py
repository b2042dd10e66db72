"""The `leeward` command: the root, and the groups that need no role."""
