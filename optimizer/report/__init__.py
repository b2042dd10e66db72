"""One self-contained HTML page of a study: numbers and drawings, no question or answer text."""
