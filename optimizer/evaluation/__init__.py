"""Running graphs on questions: tasks, scorers, the call cache, live and replayed evaluation."""
