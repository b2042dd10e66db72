"""The exit-code table is total, unambiguous, and the page made from it is fresh."""

from pathlib import Path

from runtime import errors
from runtime.cli.exit_codes import BANDS, CODES, PLAIN_CODES, exit_code_of, table_markdown

PAGE = Path(__file__).parents[4] / "docs" / "exit-codes.md"


def all_named(cls: type[errors.LeewardError]) -> set[type[errors.LeewardError]]:
    """The errors that ``runtime.errors`` defines, grandchildren too."""
    below = {name for child in cls.__subclasses__() for name in all_named(child)}
    return {cls for cls in below | {cls} if cls.__module__ == errors.__name__}


def test_every_named_failure_has_an_exit_code() -> None:
    assert set(CODES) == all_named(errors.LeewardError)


def test_no_code_has_two_meanings() -> None:
    codes = [*CODES.values(), *PLAIN_CODES]

    assert len(set(codes)) == len(codes)


def test_every_code_is_in_a_documented_band_and_fits_a_byte() -> None:
    assert all(code // 10 * 10 in BANDS for code in CODES.values())
    assert all(0 <= code < 256 for code in PLAIN_CODES)


def test_an_error_without_a_code_of_its_own_gets_its_parent_s() -> None:
    class Narrower(errors.GraphInvalid):
        pass

    assert exit_code_of(Narrower("x")) == CODES[errors.GraphInvalid]


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text() == table_markdown(), "run `leeward exit-codes --markdown`"
