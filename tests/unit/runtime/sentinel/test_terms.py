import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from runtime.sentinel.terms import TermTrie, tokens


def found(text: str, *terms: str) -> list[str]:
    trie: TermTrie[str] = TermTrie()
    for term in terms:
        trie.add(term, term)
    return [text[match.start : match.end] for match in trie.find(text)]


def test_the_longest_term_that_starts_at_a_word_is_found() -> None:
    assert found("blue falcon nine", "blue", "blue falcon") == ["blue falcon"]


def test_case_composition_and_whitespace_make_no_difference() -> None:
    text = unicodedata.normalize("NFD", "ŻÓŁĆ \n straße")

    assert found(text, "żółć STRASSE") == [text]


def test_a_term_inside_a_word_is_not_found() -> None:
    assert found("falconry infalcon falcon1 falcon_a", "falcon") == []


def test_scripts_without_spaces_are_searched_by_character() -> None:
    assert found("これは東京計画です", "東京計画") == ["東京計画"]


def test_punctuation_is_part_of_a_term() -> None:
    assert found("in C++ and C", "C++") == ["C++"]


def test_a_term_without_words_is_ignored() -> None:
    assert found("a b", "", "  ") == []


@given(st.text(max_size=60))
def test_tokens_cover_everything_but_whitespace(text: str) -> None:
    kept = "".join(text[token.start : token.end] for token in tokens(text))

    assert "".join(kept.split()) == "".join(text.split())
