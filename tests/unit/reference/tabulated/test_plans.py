"""What the planner decides for the graphs of the space."""

from rich.progress import Progress

from reference.tabulated.build import plan_space
from reference.tabulated.plans import Moves, plan_all
from reference.tabulated.space import Space, enumerate_space
from reference.tabulated.world import catalog_of, label_of, policy
from reference.tasks import Question
from runtime.labels import PUBLIC, Label

PERSON = Label.of("person")
HEALTH = Label.of("health", "person")


def plans(keys_of: Space, *labels: Label) -> Moves:
    return plan_all(keys_of, labels, policy=policy(), catalog=catalog_of(keys_of.pool))


def test_a_way_plays_the_steps_of_its_graph_in_order() -> None:
    space = enumerate_space(("tern-s", "gannet-m"))
    moves = plans(space, PUBLIC)

    for graph, way in zip(space.graphs, moves.ways[0], strict=True):
        played = [(moves.moves[move].model, moves.moves[move].role) for move in way]
        assert played == [(step.model, step.role) for step in graph.term.steps]


def test_what_goes_on_to_the_cloud_reads_the_released_form() -> None:
    space = enumerate_space(("tern-s", "gannet-m"), ["chain-2"])
    moves = plans(space, PERSON)
    by_key = dict(zip([g.key for g in space.graphs], moves.ways[0], strict=True))

    def forms(key: str) -> list[bool]:
        return [moves.moves[move].is_released for move in by_key[key]]

    assert forms("assistant@gannet-m(assistant@tern-s#0)") == [True, True]
    assert forms("assistant@tern-s(assistant@gannet-m#0)") == [True, False]
    assert forms("assistant@tern-s(assistant@tern-s#0)") == [False, False]


def test_restricted_steps_move_to_the_largest_edge_model() -> None:
    space = enumerate_space(("tern-s", "tern-m", "gannet-m"), ["single"])
    moves = plans(space, HEALTH)

    models = [moves.moves[way[-1]].model for way in moves.ways[0]]

    assert sorted(models) == ["tern-m", "tern-m", "tern-s"]


def test_without_an_edge_model_a_restricted_question_is_refused() -> None:
    space = enumerate_space(("gannet-m",), ["single", "chain-2"])

    moves = plans(space, HEALTH, PERSON)

    assert moves.ways[moves.kind_of[HEALTH.names()]] == ((), ())
    assert all(moves.ways[moves.kind_of[PERSON.names()]])


def test_labels_that_are_planned_alike_are_one_kind(
    small_space: Space, some_questions: tuple[Question, ...], bar: Progress
) -> None:
    moves = plan_space(small_space, some_questions, bar)

    labels = {label_of(question).names() for question in some_questions}
    assert set(moves.kind_of) == labels
    assert len(moves.ways) == 3  # raw, released, kept on the edge
    assert moves.kind_of["person",] == moves.kind_of["contact", "person"]


def test_inputs_come_before_their_readers(small_moves: Moves) -> None:
    for place, move in enumerate(small_moves.moves):
        assert all(source < place for source in move.inputs)
