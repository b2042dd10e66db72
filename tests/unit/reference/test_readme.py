"""The demo's output goes between the README's markers, and nowhere else."""

import pytest

from reference.readme import with_output

README = "# A\n<!-- demo -->\n```text\nold\n```\n<!-- /demo -->\nend\n"


def test_the_output_replaces_what_was_there() -> None:
    text = with_output(README, "\nnew  \nlines\n")

    assert text == README.replace("old", "new\nlines")
    assert with_output(text, "\nnew  \nlines\n") == text


def test_lost_markers_are_an_error() -> None:
    with pytest.raises(ValueError, match="markers"):
        with_output("# A\n", "x")
