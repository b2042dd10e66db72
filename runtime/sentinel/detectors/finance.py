"""Bank accounts, payment cards and wallets, by their checksums (``python-stdnum``)."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from stdnum import bitcoin, iban, luhn, numdb

from runtime.sentinel.categories import FINANCE
from runtime.sentinel.detectors.context import Context
from runtime.sentinel.span import Span

__all__ = ["CardDetector", "IbanDetector", "WalletDetector", "is_issued"]

_IBAN: Final = re.compile(
    r"(?<![^\W_])[A-Z]{2}\d{2}(?:[ \u00a0-]?[A-Z0-9]){11,30}(?![^\W_])", re.IGNORECASE
)
_ALNUM: Final = re.compile(r"[^\W_]")
_BBAN_PART: Final = re.compile(r"(\d+)!")
_IBAN_CONTEXT: Final = Context(r"iban|account(?: (?:no|number))?|konto|rachunek|compte|cuenta")


class IbanDetector:
    """Finds international bank account numbers, spaced or not."""

    name = "iban"
    kinds = frozenset({"iban"})

    def detect(self, text: str) -> list[Span]:
        """Return the account numbers in ``text``; after "IBAN", one with a typo counts too."""
        spans: list[Span] = []
        position = 0
        while match := _IBAN.search(text, position):
            position = match.start() + 4
            end = _cut(match)
            if end is None:
                continue
            if iban.is_valid(text[match.start() : end].replace("\u00a0", " ")):
                score = 1.0
            elif _looks_intended(text, match.start(), end):
                score = 0.5
            else:
                continue
            spans.append(Span(match.start(), end, "iban", FINANCE, score, self.name))
            position = end
        return spans


def _cut(match: re.Match[str]) -> int | None:
    """Return where the number ends by its country's length; words may follow it."""
    length = _iban_length(match[0][:2].upper())
    places = [place.end() for place in _ALNUM.finditer(match[0])]
    if length is None or len(places) < length:
        return None
    end = match.start() + places[length - 1]
    is_whole = end == match.end() or not match.string[end].isalnum()
    return end if is_whole else None


@lru_cache(maxsize=1024)
def _iban_length(country: str) -> int | None:
    ((_, found), *_) = numdb.get("iban").info(country)
    structure = found.get("bban", "")
    return 4 + sum(map(int, _BBAN_PART.findall(structure))) if structure else None


def _looks_intended(text: str, start: int, end: int) -> bool:
    digits = sum(character.isdigit() for character in text[start:end])
    return digits * 2 >= end - start and _IBAN_CONTEXT.is_before(text, start)


_CARD: Final = re.compile(r"\d(?<![\w.,]\d)\d{2,18}(?:[ \u00a0-]{1,2}\d{2,19}){0,8}(?![\w]|[.,]\d)")
_DIGITS: Final = re.compile(r"\d+")
_MIN_CARD: Final = 12
_MAX_CARD: Final = 19
_CARD_CONTEXT: Final = Context(
    r"card|cards|visa|mastercard|master card|amex|american express|discover|diners|jcb|maestro"
    r"|credit|debit|cc|pan|karte|kreditkarte|karta|karty|carte|tarjeta|carta"
)
_CARD_LENGTHS: Final = frozenset({15, 16})


class CardDetector:
    """Finds payment card numbers by Luhn's check digit and the issuers' ranges."""

    name = "card"
    kinds = frozenset({"card"})

    def detect(self, text: str) -> list[Span]:
        """Return the card numbers in ``text``; after "card", one with a typo counts too."""
        spans: list[Span] = []
        for match in _CARD.finditer(text):
            taken = match.start()
            for start, end, digits in _windows(match):
                if start < taken:
                    continue
                if luhn.is_valid(digits) and is_issued(digits):
                    score = 1.0
                elif len(digits) in _CARD_LENGTHS and _CARD_CONTEXT.is_before(text, start):
                    score = 0.5
                else:
                    continue
                spans.append(Span(start, end, "card", FINANCE, score, self.name))
                taken = end
        return spans


def _windows(match: re.Match[str]) -> Iterator[tuple[int, int, str]]:
    """Yield runs of whole digit groups with a card's length, from the left, the longest first."""
    groups = [group.span() for group in _DIGITS.finditer(match[0])]
    for first in range(len(groups)):
        for last in range(len(groups) - 1, first - 1, -1):
            start, end = groups[first][0], groups[last][1]
            digits = "".join(match[0][begin:stop] for begin, stop in groups[first : last + 1])
            if _MIN_CARD <= len(digits) <= _MAX_CARD:
                yield match.start() + start, match.start() + end, digits


def is_issued(digits: str) -> bool:
    """Whether an issuer's range (ISO/IEC 7812) starts so, and the number is not one digit."""
    return digits[0] in "34568" or "2221" <= digits[:4] <= "2720"


_WALLET: Final = re.compile(
    r"(?<!\w)(?=[\w:-]{26})(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|(?:bc|ltc|tb)1[02-9ac-hj-np-z]{38,59}"
    r"|(?:bitcoincash:)?[qp][02-9ac-hj-np-z]{41}|(?:addr|stake)1[02-9ac-hj-np-z]{50,100}"
    r"|cosmos1[02-9ac-hj-np-z]{38}|0x[0-9a-fA-F]{40}|[48][1-9A-HJ-NP-Za-km-z]{94}"
    r"|X-[a-z]+1[02-9ac-hj-np-z]{38}|G[A-Z2-7]{55}|tz[123][1-9A-HJ-NP-Za-km-z]{33})(?!\w)"
)


class WalletDetector:
    """Finds wallet addresses: Bitcoin's older ones by checksum, others by their shape."""

    name = "wallet"
    kinds = frozenset({"crypto_wallet"})

    def detect(self, text: str) -> list[Span]:
        """Return the wallet addresses in ``text``."""
        return [
            Span(*match.span(), "crypto_wallet", FINANCE, 1.0, self.name)
            for match in _WALLET.finditer(text)
            if match[0][0] not in "13" or bitcoin.is_valid(match[0])
        ]
