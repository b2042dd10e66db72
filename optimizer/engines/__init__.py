"""Who runs a study's executions: this process, or the workers of a Ray cluster."""
