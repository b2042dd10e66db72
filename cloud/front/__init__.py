"""The gateway's OpenAI-compatible HTTP front: for applications that bring a key."""
