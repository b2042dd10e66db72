"""The console: one page on the device that shows how it stands and what left. Holds no content."""
