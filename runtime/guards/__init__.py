"""Guards: rules, and models, that judge every text on its way to a model and back."""
