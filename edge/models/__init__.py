"""Model files on this device."""
