"""One call while it is answered: its place in the context, how far it is, when it got there."""

from dataclasses import dataclass, field

from edge.engine.frames import Finished
from edge.engine.guessing import Guesser
from edge.engine.inbox import Ticket
from edge.engine.native.answer import Answer
from edge.engine.native.batch import Part
from runtime.ports import FinishReason, Timings, Usage

__all__ = ["Sequence"]


@dataclass(slots=True, eq=False)
class Sequence:
    """A call that is ready to be computed, or that has a slot."""

    ticket: Ticket
    prompt: list[int]
    answer: Answer
    guesser: Guesser | None = None
    """Guesses how the answer goes on, where that is allowed."""
    number: int = -1
    """Of the sequence in the context, once it has one."""
    started_s: float = 0.0
    """When it got its slot, on the scheduler's clock."""
    base: list[int] = field(default_factory=list)
    """What is computed before the next token is chosen: the prompt, and after a loss of its
    place what was answered until then."""
    computed: int = 0
    """Tokens of prompt and answer that are in the context."""
    cached_tokens: int = 0
    """Of the prompt, that were there before."""
    first_token_s: float = 0.0
    """When there was text to show, on the scheduler's clock; 0 before."""

    @property
    def caller(self) -> str:
        """Whose it is; empty where nobody knows."""
        return self.ticket.start.caller

    @property
    def priority(self) -> int:
        """Of its call."""
        return self.ticket.start.priority

    @property
    def is_answering(self) -> bool:
        """Whether its prompt is computed."""
        return self.computed >= len(self.base)

    @property
    def prompt_left(self) -> int:
        """Tokens of the prompt that are not computed."""
        return max(len(self.base) - self.computed, 0)

    @property
    def growth_left(self) -> int:
        """Tokens by which it may still grow beyond its base."""
        return len(self.prompt) + self.answer.limit_tokens - len(self.base)

    def __post_init__(self) -> None:
        self.base = self.base or self.prompt

    def lose_place(self) -> None:
        """Go back to before its first decode; what is answered so far becomes part of its base."""
        self.base = self.prompt + self.answer.tokens
        self.number, self.computed = -1, 0

    def next_part(self, prompt_tokens: int = 0) -> Part:
        """Return what to compute next: its newest token, or as much of its prompt as is given."""
        if self.is_answering:
            return Part(self.number, self.computed, self.answer.tokens[-1:], wants_logits=True)
        end = min(self.computed + prompt_tokens, len(self.base))
        tokens = self.base[self.computed : end]
        return Part(self.number, self.computed, tokens, wants_logits=end == len(self.base))

    def guessed_part(self) -> Part:
        """Return its newest token to compute, and what may follow it."""
        tokens = self.answer.tokens
        most = self.answer.limit_tokens - len(tokens) - 1
        guess = self.guesser.guess(tokens, most=most) if self.guesser else []
        return Part(
            self.number,
            self.computed,
            [*tokens[-1:], *guess],
            wants_logits=True,
            guesses=len(guess),
        )

    def goes_on_with(self, token: int) -> bool:
        """Whether it is not done, and its newest token is this one."""
        return self.answer.finish_reason is None and self.answer.tokens[-1] == token

    def learn(self, *, guessed: int, right: int) -> None:
        """Take how many of the last guesses were right."""
        if self.guesser is not None:
            self.guesser.learn(guessed=guessed, right=right)

    @property
    def computed_tokens(self) -> list[int]:
        """The tokens that are in the context."""
        return (self.prompt + self.answer.tokens)[: self.computed]

    def finished(self, now_s: float) -> Finished:
        """Return the account of a complete answer."""
        arrived_s = self.ticket.arrived_s
        total_s = now_s - arrived_s
        first_s = self.first_token_s - arrived_s if self.first_token_s else total_s
        return Finished(
            self.ticket.call,
            self.answer.finish_reason or FinishReason.LENGTH,
            Usage(
                prompt_tokens=len(self.prompt),
                completion_tokens=len(self.answer.tokens),
                cached_tokens=self.cached_tokens,
            ),
            Timings(self.started_s - arrived_s, first_s, total_s),
            guessed_tokens=self.guesser.guessed if self.guesser else 0,
            right_guesses=self.guesser.right if self.guesser else 0,
        )
