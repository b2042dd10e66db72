"""What makes an answer right: text rules, code run in a sandbox, a model that judges."""
