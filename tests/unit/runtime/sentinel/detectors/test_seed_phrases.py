"""A wallet's recovery words, in a row or numbered; prose and lists of words are none."""

import pytest

from runtime.sentinel.detectors.seed_phrases import SeedPhraseDetector

WORDS = (
    *("gadget", "coral", "chimney", "trophy", "window", "carbon"),
    *("donkey", "bacon", "deer", "eagle", "essay", "barrel"),
)
MORE = (
    *WORDS,
    *(
        "pyramid",
        "audit",
        "pigeon",
        "cycle",
        "across",
        "velvet",
        "flight",
        "zebra",
        "dolphin",
        "olive",
    ),
)


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in SeedPhraseDetector().detect(text)]


@pytest.mark.parametrize(
    "words",
    [" ".join(WORDS), ", ".join(WORDS), "\n".join(WORDS), " ".join([*MORE, "tuna", "wasp"])],
)
@pytest.mark.parametrize(
    "text",
    [
        "Wallet: {}",
        "My seed phrase is {}",
        'My wallet rejects "{}".',
        "Here are my words: {}",
        "Ledger\n{}.",
    ],
)
def test_the_words_are_found_whole(text: str, words: str) -> None:
    assert words in found(text.format(words))


@pytest.mark.parametrize("gap", [" ", "\n"])
def test_words_alone_are_found_where_no_commas_make_them_a_list(gap: str) -> None:
    assert found(gap.join(WORDS)) == [gap.join(WORDS)]


def test_what_leads_to_them_is_not_taken_for_some_of_them() -> None:
    words = " ".join(WORDS)

    assert found(f"the wallet recovery words {words} open everything") == [f"{words} open"]


@pytest.mark.parametrize("form", ["{}. {}\n", "{}) {} ", "{} {}, ", "{}: {}\n"])
def test_numbered_words_are_found(form: str) -> None:
    text = "".join(form.format(number, word) for number, word in enumerate(WORDS, 1))

    (phrase,) = found(text)

    assert phrase.startswith("1")
    assert phrase.endswith("barrel")


@pytest.mark.parametrize(
    "text",
    [
        "She sells shells and they were sold there before noon while others slept late inside.",
        "apple banana cherry lemon mango orange",
        " ".join(["word"] * 12),
        "cats and dogs were fed there while birds sang outside near trees",
        "import sys json time math random string struct",
        " ".join(WORDS[:11]),
        "the quick brown foxes jump over the lazy dogs and then they sleep under the warm sun",
        "cats, dogs, horses, sheep, goats, cows, pigs, ducks, hens, foxes, wolves, bears",
        "1. eggs\n2. milk\n3. bread\n4. butter\n5. salt\n6. flour\n7. rice\n8. tea",
    ],
)
def test_prose_and_lists_are_left_alone(text: str) -> None:
    assert found(text) == []
