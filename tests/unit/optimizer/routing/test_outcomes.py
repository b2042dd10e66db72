"""Tables of outcomes: what is read, and what is refused with which words."""

from pathlib import Path

import pytest

from optimizer.routing.outcomes import read_outcomes
from runtime.errors import DocumentInvalid


def table(tmp_path: Path, content: str, name: str = "t.csv") -> Path:
    (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path / name


def test_values_in_any_case_and_prompts_with_line_breaks(tmp_path: Path) -> None:
    found = read_outcomes(table(tmp_path, 'prompt,small,large\n"a\nb",TRUE,0\nc,False,1\n'))
    assert found.models == ("small", "large")
    assert found.prompts == ("a\nb", "c")
    assert found.right.tolist() == [[True, False], [False, True]]
    assert not found.is_grouped
    assert found.groups == found.prompts


def test_the_last_column_called_group(tmp_path: Path) -> None:
    found = read_outcomes(table(tmp_path, "p,x,y,z,group\na,1,1,0,law\n"))
    assert found.models == ("x", "y", "z")
    assert found.groups == ("law",)


def test_with_two_models_the_next_column_is_the_group_whatever_it_is_called(tmp_path: Path) -> None:
    found = read_outcomes(table(tmp_path, "p,x,y,subject\na,1,1,law\n"), models=2)
    assert found.is_grouped
    assert found.groups == ("law",)


def test_each_file_of_a_folder_is_a_group(tmp_path: Path) -> None:
    table(tmp_path, "p,x,y\na,1,1\n", "law.csv")
    table(tmp_path, "p,x,y\nb,0,1\n", "art.csv")
    found = read_outcomes(tmp_path)
    assert dict(zip(found.prompts, found.groups, strict=True)) == {"a": "law", "b": "art"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "header must name a prompt column and two or more models"),
        ("p,x\na,1\n", "header must name a prompt column and two or more models"),
        ("p,x,y\n", "holds no prompts"),
        ("p,x,y\na,1\n", "record 2 has 2 columns"),
        ("p,x,y\na,1,1\nb,maybe,1\n", "record 3 has an outcome that is none of 0, 1, true, false"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(DocumentInvalid, match=says) as caught:
        read_outcomes(table(tmp_path, content))
    assert caught.value.file.endswith("t.csv")


def test_tables_of_other_models_do_not_join(tmp_path: Path) -> None:
    table(tmp_path, "p,x,y\na,1,1\n", "a.csv")
    table(tmp_path, "p,x,z\nb,0,1\n", "b.csv")
    with pytest.raises(DocumentInvalid, match=r"a\.csv names x, y; tables of one folder"):
        read_outcomes(tmp_path)


def test_a_folder_without_tables(tmp_path: Path) -> None:
    with pytest.raises(DocumentInvalid, match="holds no CSV file"):
        read_outcomes(tmp_path)
