"""Room in a context: what is held, what was promised, what idle sequences give up."""

from typing import Any, cast

import numpy as np

from edge.engine.native.decoder import Decoder, Saved
from edge.engine.native.places import Place, Places
from edge.engine.prefixes import Tokens, tokens_of


class Memory:
    """The part of a context that places touch."""

    cache_tokens = 1000
    slots = 3
    kept_prefixes = 2

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.has_memory = True
        self.has_room = True

    def forget(self, sequence: int) -> None:
        self.done.append(("forget", sequence))

    def share(self, source: int, target: int, tokens: int) -> None:
        self.done.append(("share", source, target, tokens))

    def cut(self, sequence: int, position: int) -> None:
        self.done.append(("cut", sequence, position))

    def save(self, sequence: int) -> Saved | None:
        return np.array([sequence], np.uint8) if self.has_memory else None

    def restore(self, sequence: int, saved: Saved) -> bool:
        self.done.append(("restore", sequence, int(saved[0])))
        return self.has_room


def text(length: int, mark: int = 0) -> Tokens:
    return tokens_of([mark, *range(1, length)])


def made() -> tuple[Places, Memory]:
    memory = Memory()
    return Places(cast("Decoder", memory)), memory


def taken(places: Places, length: int, *, growth: int = 10, mark: int = 0) -> Place:
    place = places.take("a", text(length, mark), growth=growth)
    assert place is not None
    return place


def test_a_prompt_that_is_not_computed_yet_has_its_room_already() -> None:
    places, _ = made()
    taken(places, 600)

    assert places.take("b", text(600), growth=10) is None
    assert places.take("b", text(350), growth=10) is not None


def test_only_the_near_future_of_an_answer_is_held_free() -> None:
    places, _ = made()
    first = taken(places, 100, growth=900)
    places.grow(first.sequence, 100)

    assert places.take("b", text(400), growth=600) is None  # 356 and 656 are too many
    assert places.take("b", text(380), growth=250) is not None


def test_idle_sequences_give_way_and_running_ones_do_not() -> None:
    places, memory = made()
    memory.has_memory = False
    idle = taken(places, 300)
    places.grow(idle.sequence, 300)
    places.leave(idle.sequence, "a", text(300))
    running = taken(places, 600, mark=9)
    places.grow(running.sequence, 600)

    assert not places.make_room(500)
    assert memory.done == [("forget", idle.sequence)]
    assert places.make_room(400)


def test_a_kept_beginning_is_shared_and_its_cells_are_held_once() -> None:
    places, memory = made()
    first = taken(places, 600)
    places.grow(first.sequence, 600)
    places.leave(first.sequence, "a", text(600))

    second = taken(places, 610)

    assert second.shared_tokens == 600
    assert memory.done == [("share", first.sequence, second.sequence, 600)]
    assert places.make_room(400)
    assert places.take("b", text(250), growth=10) is not None


def test_a_running_call_lends_its_cells_and_room_is_asked_for_the_rest_alone() -> None:
    places, memory = made()
    first = taken(places, 600, growth=10)
    places.grow(first.sequence, 600)

    assert places.take("a", text(600), growth=10) is None
    second = places.take("a", text(600), growth=10, beside=[(first.sequence, text(600))])

    assert second is not None
    assert second.shared_tokens == 599  # the last one is computed in any case
    assert memory.done == [("share", first.sequence, second.sequence, 599)]
    assert places.take("b", text(380), growth=10) is None
    places.leave(first.sequence, "", text(600))
    assert places.take("b", text(380), growth=10) is not None


def test_a_context_that_keeps_nothing_lends_nothing() -> None:
    places, memory = made()
    memory.kept_prefixes = 0
    first = taken(places, 100)
    places.grow(first.sequence, 100)

    second = places.take("a", text(100), growth=10, beside=[(first.sequence, text(100))])

    assert second == Place(second.sequence if second else -1, 0)
    assert memory.done == []


def kept(places: Places, length: int, *, mark: int = 0, caller: str = "a") -> Place:
    """Have a call come and go whose tokens stay."""
    place = taken(places, length, mark=mark)
    places.grow(place.sequence, length)
    places.leave(place.sequence, caller, text(length, mark))
    return place


def test_a_kept_prompt_is_parked_while_another_call_runs_and_brought_back() -> None:
    places, memory = made()
    idle = kept(places, 400)
    places.park()
    assert memory.done == []  # in nobody's way
    running = taken(places, 300, mark=9)
    places.grow(running.sequence, 300)

    places.park()
    places.park()
    assert memory.done == [("forget", idle.sequence)]
    assert places.make_room(700)

    again = taken(places, 350)
    assert again.shared_tokens == 349
    assert memory.done[1:] == [
        ("restore", again.sequence, idle.sequence),
        ("cut", again.sequence, 349),
    ]
    assert not places.make_room(352)
    assert places.make_room(351)


def test_kept_prompts_of_few_tokens_stay_in_the_cache() -> None:
    places, memory = made()
    kept(places, 100)
    kept(places, 150, mark=5, caller="b")
    taken(places, 50, mark=9)

    places.park()

    assert memory.done == []


def test_a_kept_prompt_that_a_running_call_began_with_is_in_nobodys_way() -> None:
    places, memory = made()
    long = kept(places, 300)
    call = taken(places, 310)
    places.park()
    assert memory.done == [("share", long.sequence, call.sequence, 300)]

    places.leave(call.sequence, "", text(310))
    taken(places, 50, mark=9)
    places.park()

    assert memory.done[1:] == [("forget", call.sequence), ("forget", long.sequence)]


def test_parked_prompts_take_half_the_cache_and_what_is_beyond_gives_way() -> None:
    places, memory = made()
    first = kept(places, 400)
    second = kept(places, 300, mark=5, caller="b")
    running = taken(places, 300, mark=9)
    places.grow(running.sequence, 300)
    places.park()
    places.park()
    assert memory.done == [("forget", first.sequence)]

    assert places.make_room(500)

    # The one used longest ago is dropped, and the other one is parked in its place.
    assert memory.done[1:] == [("forget", first.sequence), ("forget", second.sequence)]
    anew = places.take("a", text(100), growth=10)
    assert anew is not None
    assert anew.shared_tokens == 0
    back = places.take("b", text(300, 5), growth=10)
    assert back is not None
    assert back.shared_tokens == 299


def test_a_parked_prompt_that_finds_no_room_is_computed_anew() -> None:
    places, memory = made()
    kept(places, 400)
    running = taken(places, 300, mark=9)
    places.grow(running.sequence, 300)
    places.park()
    memory.has_room = False

    again = taken(places, 350)

    assert again.shared_tokens == 0
    assert places.make_room(700)
