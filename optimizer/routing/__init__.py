"""Learning which model answers what: outcomes, folds, fitting, and the figures that judge it."""
