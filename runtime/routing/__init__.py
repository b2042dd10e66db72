"""Which model should answer a request, told before any of them is asked: features, predictor."""
