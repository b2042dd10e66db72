"""The tabulated benchmark: every graph of an enumerable space, run on the reference models."""
