"""What is told about a table: chosen on one half, measured on the other, written by command."""

import re
import xml.etree.ElementTree as ET

import pytest

from optimizer.replay.graph_table import GraphTable
from optimizer.replay.graph_terms import parse_term
from reference.models import spec_of
from reference.tabulated.effects import find_effects
from reference.tabulated.plots import frontier_svg, shapes_svg
from reference.tabulated.report import effects_text, facts_text, truth_text, with_section
from reference.tabulated.shapes import one_model_term

SHAPES = [(1, 1), (1, 2), (1, 3), (1, 4), (2, 2), (2, 3), (2, 4), (3, 2), (3, 3), (4, 2)]
"""Widths and depths that a space has for one model alone."""


async def test_a_team_is_smaller_models_at_no_more_flops(small_table: GraphTable) -> None:
    teams = find_effects(small_table).teams

    assert teams
    for team in teams:
        size = spec_of(team.large).parameters
        term = parse_term(team.team)
        assert term.inputs
        assert all(spec_of(model).parameters < size for model in term.models)


async def test_every_task_and_all_together_are_told(small_table: GraphTable) -> None:
    effects = find_effects(small_table)

    tasks = {row.task for row in small_table.questions} | {"all"}
    assert {one.task for one in effects.task_bests} == tasks
    assert {(one.model, one.width, one.depth) for one in effects.shapes if one.task == "all"} == {
        (model, *shape)
        for model in small_table.pool
        for shape in [
            (1, 1),
            (1, 2),
            (1, 3),
            (1, 4),
            (2, 2),
            (2, 3),
            (2, 4),
            (3, 2),
            (3, 3),
            (4, 2),
        ]
    }


async def test_a_single_answer_is_no_better_than_itself(small_table: GraphTable) -> None:
    singles = [one for one in find_effects(small_table).shapes if (one.width, one.depth) == (1, 1)]

    assert all(one.over_single.mean == 0 for one in singles)


async def test_several_answers_of_a_model_are_compared_question_by_question(
    small_table: GraphTable,
) -> None:
    found = {one.model: one for one in find_effects(small_table).diversities}

    assert set(found) == set(small_table.pool)
    for model, one in found.items():
        answers = small_table.own_answers(model)
        asked = small_table.single_right(model, is_released=False)
        assert {question: answers[question][0][0] for question in asked} == asked
        assert one.answers == 4
        assert 1 <= one.texts <= 4
        assert one.mixed.mean <= one.any_right.mean
        assert one.any_right.mean >= one.greedy.mean
        assert all(set(samples) == {0, 1, 2, 3} for samples in answers.values())


async def test_redaction_is_told_for_models_that_see_both_forms(small_table: GraphTable) -> None:
    redactions = find_effects(small_table).redactions

    assert [one.model for one in redactions] == ["tern-s"]
    assert redactions[0].difference.mean == pytest.approx(
        redactions[0].released.mean - redactions[0].raw.mean
    )


async def test_the_texts_have_whole_tables_and_no_placeholders(small_table: GraphTable) -> None:
    texts = [
        facts_text(small_table),
        truth_text(small_table),
        effects_text(find_effects(small_table)),
    ]

    for text in texts:
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert rows
        assert "nan" not in text
        for block in re.findall(r"(?:^\|.*\n?)+", text, flags=re.MULTILINE):
            assert len({line.count("|") for line in block.splitlines()}) == 1


async def test_plots_are_well_formed_and_name_every_model(small_table: GraphTable) -> None:
    effects = find_effects(small_table)

    for svg in (frontier_svg(small_table), shapes_svg(effects.shapes)):
        root = ET.fromstring(svg)  # our own text
        words = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
        assert set(small_table.pool) <= words


def test_a_section_is_replaced_and_the_rest_stays() -> None:
    readme = "a\n<!-- facts: written by command -->\nold\n<!-- facts: end -->\nz\n"

    once = with_section(readme, "facts", "new")

    assert once == "a\n<!-- facts: written by command -->\n\nnew\n\n<!-- facts: end -->\nz\n"
    assert with_section(once, "facts", "new") == once


def test_a_readme_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="truth markers"):
        with_section("nothing here", "truth", "text")


@pytest.mark.parametrize(
    ("width", "depth", "key"),
    [
        (1, 1, "assistant@a#0"),
        (1, 3, "assistant@a(assistant@a(assistant@a#0))"),
        (2, 2, "fuser@a(assistant@a#0,assistant@a#1)"),
        (2, 3, "assistant@a(fuser@a(assistant@a#0,assistant@a#1))"),
    ],
)
def test_shapes_of_one_model(width: int, depth: int, key: str) -> None:
    assert one_model_term("a", width=width, depth=depth).key == key
