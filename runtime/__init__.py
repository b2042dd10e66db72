"""What the roles share, and nothing of any role."""
