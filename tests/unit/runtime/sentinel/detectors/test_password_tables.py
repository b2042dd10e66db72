"""Columns of passwords, as exports and tables hold them."""

import pytest

from runtime.sentinel.detectors.password_tables import table_passwords
from runtime.sentinel.detectors.passwords import PasswordDetector


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in PasswordDetector().detect(text)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("name,user,password\nshop,anna,blue\nbank,anna,\"green\"\n", ["blue", "green"]),
        ("name;PASSWORD;url\nshop;blue;https://x.example\n", ["blue"]),
        ("user\tsecret key\nanna\tblue", ["blue"]),
        ("| Login | Password |\n|---|:-:|\n| anna | blue |\n| bob | green |\n", ["blue", "green"]),
    ],
)  # fmt: skip
def test_the_column_is_found(text: str, values: list[str]) -> None:
    assert set(values) <= set(found(text))


@pytest.mark.parametrize(
    "text",
    [
        'names = [\n    "first token",\n    "answered",\n    "failed",\n]\n',
        "name,user\nshop,anna\n",
        "Enter user, password\nand press return, twice\nor not\n",
        "def f(user, password):\n    return user, 1\n",
        "password,\nblue,\n",
    ],
)
def test_lines_that_are_no_table_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_a_line_with_more_cells_ends_the_table() -> None:
    text = "password,name,age\nblue,anna,30\ngreen,bob,40,more\nyellow,eve,50\n"

    assert [text[start:end] for start, end in table_passwords(text, text)] == ["blue"]
