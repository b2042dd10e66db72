"""A call that is sent again under its idempotency key is answered again, and charged once."""
