"""Words and phrases that do not change what is asked, as data; ``wording`` says how they are used.

An entry that is wrong costs a wrong answer, one that is missing costs a hit: the lists are short.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = [
    "CLOSINGS",
    "CONTRACTIONS",
    "HOW_TO",
    "MENTIONS",
    "NUMBER_WORDS",
    "OPENINGS",
    "OWNED",
    "QUESTION_WORDS",
    "SAME_WORDS",
    "VERBS_THAT_ASK",
]

OPENINGS: Final = (
    *("please", "kindly", "hi", "hello", "hey", "hi there", "hello there", "good morning"),
    *("good afternoon", "good evening", "excuse me", "quick question", "i have a question"),
    *("my question is", "just wondering", "i was wondering", "i am wondering", "i wonder"),
    *("can you tell me", "could you tell me", "would you tell me", "can you please tell me"),
    *("could you please tell me", "would you please tell me", "please tell me", "tell me"),
    *("can you let me know", "could you let me know", "please let me know", "let me know"),
    *("i would like to know", "i want to know", "i need to know", "i'd like to know"),
    *("would you mind telling me", "do you happen to know"),
)
"""Politeness, and asking as such, in front of a question."""

CLOSINGS: Final = (("please",), ("thanks",), ("thank", "you"), ("many", "thanks"))
"""Politeness behind a question, after a comma or a mark."""

QUESTION_WORDS: Final = frozenset(
    {"what", "who", "whom", "whose", "where", "when", "why", "how", "which"}
)

VERBS_THAT_ASK: Final = frozenset(
    {
        *("is", "are", "was", "were", "do", "does", "did", "can", "could", "would", "will"),
        *("should", "may", "might", "must", "has", "have", "had"),
    }
)

HOW_TO: Final = (
    ("how", "do", "i"),
    ("how", "can", "i"),
    ("how", "to"),
    ("what", "is", "the", "way", "to"),
)
"""Ways to ask for a way; not ``how do you``, which may ask the model about itself."""

MENTIONS: Final = frozenset(
    {
        *("say", "says", "said", "saying", "spell", "spelled", "spelling", "spelt", "pronounce"),
        *("pronounced", "word", "words", "letter", "letters", "syllable", "syllables", "rhyme"),
        *("rhymes", "mean", "means", "meaning", "phrase", "sentence", "translate", "translation"),
        *("translated", "grammar", "contraction", "character", "characters", "write", "written"),
        *(
            "called",
            "stand",
            "stands",
            "text",
            "reply",
            "answer",
            "polite",
            "politely",
            "abbreviate",
        ),
    }
)
"""Signs of a question about words themselves: there, no two wordings are the same."""

CONTRACTIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **{f"{word}'s": (word, "is") for word in ("what", "who", "where", "when", "how", "why")},
        "i'm": ("i", "am"),
        "you're": ("you", "are"),
        "we're": ("we", "are"),
        "they're": ("they", "are"),
        "i've": ("i", "have"),
        "we've": ("we", "have"),
        "i'll": ("i", "will"),
        "cannot": ("can", "not"),
        "can't": ("can", "not"),
        "won't": ("will", "not"),
        **{
            f"{verb}n't": (verb, "not")
            for verb in (
                *("is", "are", "was", "were", "do", "does", "did", "has", "have", "had"),
                *("could", "would", "should", "must"),
            )
        },
    }
)
"""Not ``it's`` and ``'d``, which may be *has* and *had*; ``'s`` after a noun is a genitive."""

SAME_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "colour": "color",
        "colours": "colors",
        "favourite": "favorite",
        "behaviour": "behavior",
        "neighbour": "neighbor",
        "centre": "center",
        "theatre": "theater",
        "kilometre": "kilometer",
        "kilometres": "kilometers",
        "litre": "liter",
        "litres": "liters",
        "analyse": "analyze",
        "organise": "organize",
        "optimise": "optimize",
        "recognise": "recognize",
        "e-mail": "email",
    }
)
"""Two spellings of one word."""

NUMBER_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        word: str(number)
        for number, word in enumerate(
            (
                *("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
                *("eleven", "twelve"),
            ),
            start=2,
        )
    }
)
"""Not ``one``, which is also a pronoun."""

OWNED: Final = frozenset(
    {
        *("capital", "population", "currency", "president", "area", "flag", "anthem", "climate"),
        *("author", "founder", "mayor", "height", "length", "width", "depth", "weight", "age"),
        *("size", "color", "diameter", "radius", "mass", "density", "temperature", "birthplace"),
    }
)
"""Words whose ``X of Y`` is ``Y's X``. ``Love``, ``fear``, ``picture`` are none: theirs differ."""
