"""Passwords made of plain words, where the words around them leave no doubt."""

import pytest

from runtime.sentinel.detectors.passwords import PasswordDetector


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in PasswordDetector().detect(text)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Just type sunflower when the box asks for a password.", "sunflower"),
        ("Type 'blue river stone' if it prompts for the passphrase", "blue river stone"),
        ("use sunflower as passphrase for the backup", "sunflower"),
        ("it still accepts correct-horse as the password", "correct-horse"),
        ("Mom's tablet unlocks with sunflower.", "sunflower"),
    ],
)
def test_a_plain_word_counts_where_it_is_said_to_be_one(text: str, value: str) -> None:
    assert found(text) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "Use a long sentence as the password.",
        "use bcrypt as the password hash",
        "takes bytes as password",
        "using Argon2 as password hashing algorithm",
        "The phone unlocks with Face ID.",
        "The phone unlocks with fingerprints or a PIN.",
        "the laptop opens with difficulty.",
        "Type your name when the form asks for a password reset",
        "Enter it when asked for the PIN",
    ],
)
def test_what_speaks_of_passwords_is_none(text: str) -> None:
    assert found(text) == []
