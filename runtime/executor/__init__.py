"""Run a plan: ready steps concurrently, with deadlines, cancellation and events."""
