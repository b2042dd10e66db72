"""How likely each model is to answer a prompt right, told from the prompt's form.

Two parts that err differently, averaged: a forest, which finds rules, and a linear function of
ranks, which goes on where the forest has seen nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runtime.routing.bins import Bins
from runtime.routing.forest import Forest
from runtime.routing.form import form_of
from runtime.routing.linear import Linear

__all__ = ["Predictor", "features_of"]


@dataclass(frozen=True, slots=True)
class Predictor:
    """What was learned about some models."""

    models: tuple[str, ...]
    """Whom it knows, cheapest first, as the table calls them from which it was learned."""
    bins: Bins
    linear: Linear
    forest: Forest

    def predict(self, prompts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return how likely each model is to be right, [prompts, models], from 0 to 1."""
        return self.predict_features(features_of(prompts))

    def predict_features(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the same for prompts whose features are known, [prompts, features]."""
        bins = self.bins.number(features)
        linear = self.linear.predict(self.bins.rank(bins))
        return np.clip((linear + self.forest.predict(bins)) / 2, 0.0, 1.0)


def features_of(prompts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the features of prompts, [prompts, features], named by ``FORM_NAMES``."""
    return np.array([form_of(prompt) for prompt in prompts], dtype=np.float32)
