"""Continuous batching: many calls, one context, a step at a time.

Each step takes in what waits and fits, drops what nobody waits for any more, decodes what the
plan says, and tells the daemon in one message what came of it.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NoReturn

from edge.engine.chat import ChatTemplate
from edge.engine.chunking import ChunkSizer
from edge.engine.frames import Begun, Failed, Frame, Start
from edge.engine.gathering import Gathering
from edge.engine.guessing import Draft, Guesser, Guessing
from edge.engine.inbox import Inbox, Ticket
from edge.engine.native.answer import Answer, tokenize_chat
from edge.engine.native.batch import Part
from edge.engine.native.decoder import Decoder
from edge.engine.native.endings import ENDINGS, failure
from edge.engine.native.places import Place, Places
from edge.engine.native.planning import Batch, DeterministicPlan, Plan, SharedPlan
from edge.engine.native.preparing import Preparing
from edge.engine.native.sequence import Sequence
from edge.engine.native.vocabulary import LlamaVocabulary
from edge.engine.prefixes import Tokens, tokens_of
from edge.engine.step_times import StepTimes
from runtime.clock import Clock
from runtime.errors import EngineCrashed, LeewardError, RequestInvalid
from runtime.ports import Sampling

__all__ = ["Scheduler"]


class Scheduler:
    """Answers the calls of an inbox with one model.

    Args:
        model: Who answers.
        context: Where it computes.
        template: How its chats are written.
        inbox: Where calls come from.
        send: Tells the daemon what came of steps; callable from any thread.
        gather_s: How long a text may wait for the next one, to be sent with it.
        is_deterministic: Compute every sequence by itself.
        draft: A small model that guesses for a stream that is alone.
        clock: Measures steps and calls.
        processor_s: Processor time of the calling thread, seconds: what guesses cost is judged by
            it, for on a busy device most of a short step may be somebody else's.
        rng: Draws seeds for calls that name none.
    """

    def __init__(
        self,
        model: LlamaVocabulary,
        context: Decoder,
        *,
        template: ChatTemplate,
        inbox: Inbox,
        send: Callable[[list[Frame]], None],
        gather_s: float,
        is_deterministic: bool,
        draft: Draft | None = None,
        clock: Clock,
        processor_s: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._model = model
        self._context = context
        self._processor_s = processor_s
        self._template = template
        self._inbox = inbox
        self._send = send
        self._clock = clock
        self._rng = rng
        self._guessing = Guessing(draft)
        self._times = StepTimes()
        self._chunks = ChunkSizer(context.batch_tokens, self._times)
        self._plan: Plan = (
            DeterministicPlan(context.batch_tokens)
            if is_deterministic
            else SharedPlan(self._chunks, self._times)
        )
        self._places = Places(context)
        self._running: list[Sequence] = []
        self._ready: deque[Sequence] = deque()
        """The next ones: their tokens are known, and the room that they need is not free yet."""
        self._news = Gathering(send=send, longest_s=gather_s)
        self._preparing = Preparing(
            inbox,
            prepare=self._prepared,
            refuse=self._refuse,
            wanted=context.slots,
            warm_up=self._refuse_a_grammar,
        )

    def run(self) -> NoReturn:
        """Answer calls for ever.

        Raises:
            EngineCrashed: libllama failed; every open call was told.
        """
        try:
            while True:
                if not self._running:
                    self._have_ready()
                    if not self._ready:
                        self._preparing.wait()
                self.step()
        except EngineCrashed as error:
            for sequence in [*self._running, *self._ready]:
                self._news.end(Failed(sequence.ticket.call, "EngineCrashed", str(error)))
            self._news.flush(now_s=self._clock.monotonic_s(), next_s=0.0)
            raise

    def step(self) -> None:
        """Do the next piece of work for everybody."""
        since_s, used_s = self._clock.monotonic_s(), self._processor_s()
        self._inbox.note_step()
        self._inbox.expire()
        self._drop_abandoned()
        self._take_in()
        self._make_room()
        self._places.park()
        alone = self._alone()
        with self._inbox.decoding():
            batches = self._plan.batches(self._running)
        for batch in batches:
            if batch:
                self._decode(batch)
        now_s = self._clock.monotonic_s()
        if alone is not None and alone.guesser is not None:
            alone.guesser.note(self._processor_s() - used_s)
        self._news.flush(now_s=now_s, next_s=now_s - since_s)

    def _alone(self) -> Sequence | None:
        """Return the answer whose token is all that the next step computes, if it is so."""
        is_one = len(self._running) == 1 and self._running[0].is_answering
        return self._running[0] if is_one else None

    def _drop_abandoned(self) -> None:
        for sequence in [*self._running, *self._ready]:
            try:
                self._inbox.check(sequence.ticket)
            except ENDINGS as error:
                if sequence.number < 0:
                    self._ready.remove(sequence)
                    self._drop(sequence, error)
                else:
                    self._end(sequence, error)

    def _take_in(self) -> None:
        """Give slots to calls in their turn; none overtakes one that waits for room."""
        self._have_ready()
        while self._ready and self._places.free_slots:
            sequence = self._ready[0]
            place = self._places.take(
                sequence.caller,
                tokens_of(sequence.base),
                growth=sequence.growth_left,
                beside=self._beside(sequence.caller),
            )
            if place is None:
                return
            self._ready.popleft()
            self._begin(sequence, place)

    def _beside(self, caller: str) -> Iterator[tuple[int, Tokens]]:
        """Return what is computed of a known caller's running calls, by sequence."""
        for one in self._running:
            if caller and one.caller == caller:
                yield one.number, tokens_of(one.computed_tokens)

    def _begin(self, sequence: Sequence, place: Place) -> None:
        sequence.number, sequence.computed = place.sequence, place.shared_tokens
        self._running.append(sequence)
        if sequence.started_s:
            return  # it had lost its place
        sequence.started_s = self._clock.monotonic_s()
        sequence.cached_tokens = place.shared_tokens
        self._news.begin(Begun(sequence.ticket.call, len(sequence.prompt), sequence.cached_tokens))

    def _make_room(self) -> None:
        """See that the next step fits; if nothing idle is left to drop, some call must wait.

        It is the youngest of the lowest priority.
        """
        while len(self._running) > 1 and not self._places.make_room(self._next_tokens()):
            loser = min(reversed(self._running), key=lambda one: one.priority)
            self._running.remove(loser)
            self._places.lose(loser.number)
            loser.lose_place()
            self._line_up(loser, is_back=True)

    def _next_tokens(self) -> int:
        """Most tokens that the next step computes."""
        prompt_tokens = sum(sequence.prompt_left for sequence in self._running)
        answers = sum(sequence.is_answering for sequence in self._running)
        prompts = len(self._running) - answers
        return min(prompt_tokens, self._chunks.tokens(answers=answers, prompts=prompts)) + answers

    def _have_ready(self) -> None:
        """Take over what is prepared for the free slots.

        Nothing is prepared ahead of them, nor behind a call that waits for room: whoever comes
        meanwhile with a higher priority must find the others still in the queue, and is prepared
        to overtake those who are ready.
        """
        is_row_empty = not self._ready
        lacking = self._places.free_slots
        while (sequence := self._preparing.take()) is not None:
            self._line_up(sequence)
            lacking -= 1
        if not is_row_empty:
            lacking = int(self._inbox.waits_above(self._ready[0].priority))
        self._preparing.want(max(lacking, 0))

    def _line_up(self, sequence: Sequence, *, is_back: bool = False) -> None:
        """Have a call wait for room behind those of its priority; before them if it had some."""
        ahead = sum(other.priority > sequence.priority - (not is_back) for other in self._ready)
        self._ready.insert(ahead, sequence)

    def _prepared(self, ticket: Ticket) -> Sequence:
        """Turn a call into tokens and a sampler; by the thread that prepares.

        Raises:
            LeewardError: It cannot be answered, or need not be any more.
        """
        self._inbox.check(ticket)
        start = ticket.start
        if not isinstance(start, Start):
            raise RequestInvalid("this model writes text and makes no embeddings")
        prompt = tokenize_chat(
            self._model,
            self._template,
            start.messages,
            start.tools,
            begun=start.begun,
            context_tokens=self._context.context_tokens,
        )
        self._inbox.check(ticket)
        answer = Answer(self._model, self._context, start.sampling, prompt=prompt, rng=self._rng)
        guesser = Guesser(prompt, self._guessing) if self._context.guesses else None
        return Sequence(ticket, prompt, answer, guesser)

    def _refuse_a_grammar(self) -> None:
        """Have C++ raise once in the thread that prepares.

        The first time takes memory. When a grammar has taken all that there is, the child is to
        die saying so, and not of being unable to say it.
        """
        undefined = Sampling(grammar="root ::= undefined")
        with suppress(RequestInvalid):
            Answer(self._model, self._context, undefined, prompt=[0], rng=self._rng).close()

    def _refuse(self, ticket: Ticket, error: LeewardError) -> None:
        """End a call that never got ready; by the thread that prepares."""
        self._inbox.done(ticket)
        self._send([failure(ticket, error)])

    def _decode(self, batch: Batch) -> None:
        tokens = sum(len(part.tokens) for _, part in batch)
        self._places.make_room(tokens)
        since_s = self._clock.monotonic_s()
        with self._inbox.decoding():
            rows = self._context.decode([part for _, part in batch])
        answers = sum(sequence.is_answering for sequence, _ in batch)
        took_s = self._clock.monotonic_s() - since_s
        guesses = sum(part.guesses for _, part in batch)
        prompt_tokens = tokens - answers - guesses
        if prompt_tokens:
            self._chunks.note(answers=answers, prompt_tokens=prompt_tokens, took_s=took_s)
        elif not guesses:
            self._times.note(answers, took_s)
        for (sequence, part), row in zip(batch, rows, strict=True):
            sequence.computed += len(part.tokens)
            self._places.grow(sequence.number, len(part.tokens))
            if part.wants_logits:
                self._take(sequence, part, row)

    def _take(self, sequence: Sequence, part: Part, row: int) -> None:
        """Choose a sequence's next token, and further ones while they are what was guessed.

        Args:
            sequence: Whose.
            part: What was just computed of it.
            row: Of its last token.
        """
        first, guesses = row - part.guesses, part.tokens[len(part.tokens) - part.guesses :]
        right = 0
        error: LeewardError | None = None
        try:
            self._choose(sequence, first)
            while right < len(guesses) and sequence.goes_on_with(guesses[right]):
                right += 1
                self._choose(sequence, first + right)
        except ENDINGS as ending:
            error = ending
        if guesses:
            sequence.computed -= len(guesses) - right
            self._places.cut(sequence.number, sequence.computed)
            sequence.learn(guessed=len(guesses), right=right)
        if error is not None or sequence.answer.finish_reason is not None:
            self._end(sequence, error)

    def _choose(self, sequence: Sequence, row: int) -> None:
        """Choose the token that follows a row, and show what can be shown of it."""
        delta = sequence.answer.take(row)
        if delta is not None:
            is_first = not sequence.first_token_s
            if is_first:
                sequence.first_token_s = self._clock.monotonic_s()
            self._news.add(sequence.ticket.call, delta, is_first=is_first)

    def _end(self, sequence: Sequence, error: LeewardError | None) -> None:
        """Take a running sequence's slot away, whichever way it ended."""
        self._running.remove(sequence)
        self._places.leave(sequence.number, sequence.caller, tokens_of(sequence.computed_tokens))
        if error is None:
            self._inbox.done(sequence.ticket)
            self._news.end(sequence.finished(self._clock.monotonic_s()))
            sequence.answer.close()
        else:
            self._drop(sequence, error)

    def _drop(self, sequence: Sequence, error: LeewardError) -> None:
        sequence.answer.close()
        self._fail(sequence.ticket, error)

    def _fail(self, ticket: Ticket, error: LeewardError) -> None:
        self._inbox.done(ticket)
        self._news.end(failure(ticket, error))
