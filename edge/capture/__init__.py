"""What callers let the device keep of their requests, for fine-tuning and for gates."""
