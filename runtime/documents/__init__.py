"""Documents at the border: YAML and JSON with line numbers, shapes, problems, schemas."""
