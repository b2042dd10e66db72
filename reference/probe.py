"""A probe that teaches the first block to know the previous token; thrown away after training.

Copying needs two heads in a row: one that marks each token with the one before it, one that looks
for the mark ("induction heads"). Neither is of any use without the other, so chance takes thousands
of steps to find both. The probe teaches the first head, and the second follows within 250 steps.
"""

from torch import Tensor, nn
from torch.nn import functional

from reference.models import VOCABULARY_SIZE, ModelSpec

__all__ = ["Probe"]


class Probe(nn.Module):  # type: ignore[misc, unused-ignore]  # torch may be absent
    """Reads the previous token out of the states behind the first block."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.width = spec.width
        self.read = nn.Linear(spec.width, VOCABULARY_SIZE, bias=False)

    def loss(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Return how badly the previous tokens are known."""
        logits = self.read(functional.rms_norm(states[:, 1:], (self.width,)))
        return functional.cross_entropy(logits.float().flatten(0, 1), tokens[:, :-1].flatten())
