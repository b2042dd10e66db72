"""Phone numbers, judged by the numbering plans of ``phonenumbers``.

Uses that library's lengths and national patterns per region without its parser, which takes
about 0.1 ms per candidate and region: too slow for a text that is a list of numbers.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from runtime.sentinel.categories import CONTACT
from runtime.sentinel.detectors.context import Context
from runtime.sentinel.detectors.network import is_everybodys
from runtime.sentinel.span import Span

__all__ = ["DEFAULT_REGIONS", "PhoneDetector"]

DEFAULT_REGIONS: Final = (
    *("US", "GB", "DE", "FR", "PL", "ES", "IT"),
    *("NL", "BE", "AT", "CH", "SE", "AU", "IN"),
)
"""Regions in whose national form a phone number is recognised."""

_CANDIDATE: Final = re.compile(
    r"(?<![\w/=#-])(?<!\d[.,])(?:\+ ?|\()?\d(?:[ \u00a0().\u2010-\u2013/-]{0,3}\d){5,19}(?![^\Wxe])"
)
_EXTENSION: Final = re.compile(r" ?(?:x|ext\.?|#) ?\d{1,6}\b")
_THOUSANDS: Final = re.compile(r"\d{1,2}(?:([ .\u00a0])\d{3})(?:\1\d{3})*")
_GROUP: Final = re.compile(r"\d+")
_DATE: Final = re.compile(
    r"\d{4}[./-]\d{1,2}[./-]\d{1,2}(?:[ T]\d{1,2})?|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?: \d{1,2})?"
)
_CONTEXT: Final = Context(
    r"phones?|tel\.?|telephone|telefon|tel[eé]fono|t[eé]l[eé]phone|telefono|telefoon|mobile|mob\.?"
    r"|cell|cellphone|kom[oó]rka|handy|fax|whatsapp|signal|sms|text|ring|call|calls|called|dial"
    r"|reach(?:ed)?|number is|numer|nummer|num[eé]ro|hotline|pager|contact|desk|office line"
    r"|answering at"
)
_KIND_OF_LINE: Final = Context(
    r"(?:office|fax|mobile|mob\.?|cell|home|work|landline|pager|telephone|phone|direct)"
    r"(?=\s*(?:[\\,;.)]|$))"
)
"""What a contact card writes after a number: ``416 60 039 office``."""
_MIN_DIGITS: Final = 7
_MAX_DIGITS: Final = 15
_MAX_COUNTRY_CODE_DIGITS: Final = 3
_MIN_GROUPS: Final = 3
_MAX_GROUPS: Final = 6
_MIN_TRUNK_DIGITS: Final = 9
_NANP_PREFIX: Final = "1"


class _Plan(NamedTuple):
    """How one region or country code writes its numbers."""

    national_prefix: str
    pattern: re.Pattern[str]
    lengths: tuple[int, ...]


class PhoneDetector:
    """Finds phone numbers: international ones anywhere, national ones of ``regions``.

    A bare run of digits counts only after a word such as "phone" or "call". Where more digits
    follow ("+48 601 234 567 2 times"), the longest head that its numbering plan accepts is taken.
    """

    name = "phone"
    kinds = frozenset({"phone"})

    def __init__(self, regions: Iterable[str] = DEFAULT_REGIONS) -> None:
        self._plans = tuple(_region_plan(region) for region in regions)

    def detect(self, text: str) -> list[Span]:
        """Return the phone numbers in ``text``."""
        spans: list[Span] = []
        for match in _CANDIDATE.finditer(text):
            end, score = self._best_head(text, match)
            if score:
                extension = _EXTENSION.match(text, end)
                end = extension.end() if extension else end
                spans.append(Span(match.start(), end, "phone", CONTACT, score, self.name))
        return spans

    def _best_head(self, text: str, match: re.Match[str]) -> tuple[int, float]:
        written = match[0]
        if _DATE.fullmatch(written) or is_everybodys(written):
            return match.start(), 0.0
        heads = list(_heads(written))
        for is_accepted, score in (
            (_is_valid_international, 1.0),
            (_is_possible_international, 0.9),
        ):
            for head in heads:
                if is_accepted(head):
                    return match.start() + len(head), score
        has_context = _CONTEXT.is_before(text, match.start()) or _KIND_OF_LINE.is_after(
            text, match.end()
        )
        for head in heads:
            if self._is_national(head, has_context=has_context):
                return match.start() + len(head), 0.7
        if has_context and heads:
            return match.start() + len(heads[0]), 0.6
        return match.start(), 0.0

    def _is_national(self, head: str, *, has_context: bool) -> bool:
        digits = _digits(head)
        is_bare = len(head) == len(digits) and digits[0] != "0"
        if not has_context and (is_bare or not _is_plausibly_grouped(head)):
            return False
        if digits[0] == "0" and len(head) > len(digits) >= _MIN_TRUNK_DIGITS:
            return True  # a trunk prefix and groups, whatever the region
        return any(_fits(plan, digits) for plan in self._plans)


def _heads(written: str) -> Iterator[str]:
    """Yield the candidate and its heads that end with a digit group, the longest first."""
    ends = [group.end() for group in _GROUP.finditer(written)]
    for end in reversed(ends):
        if _MIN_DIGITS <= len(_digits(written[:end])) <= _MAX_DIGITS:
            yield written[:end]


def _digits(written: str) -> str:
    return "".join(_GROUP.findall(written))


def _fits(plan: _Plan, digits: str) -> bool:
    prefix = plan.national_prefix
    if prefix and digits.startswith(prefix) and plan.pattern.fullmatch(digits[len(prefix) :]):
        return True
    return prefix in ("", _NANP_PREFIX) and plan.pattern.fullmatch(digits) is not None


def _is_plausibly_grouped(written: str) -> bool:
    """Whether the groups look like a number that people dial, not like a sum or a range."""
    groups = _GROUP.findall(written)
    if len(groups) > _MAX_GROUPS or any(len(group) == 1 for group in groups[1:]):
        return False
    if " / " in written or " - " in written or _THOUSANDS.fullmatch(written):
        return False
    if "/" in written and "." in written and written[0] != "0":
        return False  # blood gases: 7.35/45/88/24
    return len(groups) >= _MIN_GROUPS or "(" in written or written[0] == "0"


def _is_valid_international(head: str) -> bool:
    plan, rest = _international(head)
    return plan is not None and any(
        plan.pattern.fullmatch(digits) for digits in (rest, rest.removeprefix("0"))
    )


def _is_possible_international(head: str) -> bool:
    plan, rest = _international(head)
    if plan is None:
        return head.startswith("+")
    return any(len(digits) in plan.lengths for digits in (rest, rest.removeprefix("0")))


def _international(head: str) -> tuple[_Plan | None, str]:
    digits = _digits(head)
    if head.startswith("00"):
        digits = digits[2:]
    elif not head.startswith("+"):
        return None, digits
    for size in range(1, _MAX_COUNTRY_CODE_DIGITS + 1):
        if int(digits[:size]) in COUNTRY_CODE_TO_REGION_CODE:
            return _code_plan(int(digits[:size])), digits[size:]
    return None, digits


@lru_cache(maxsize=512)
def _code_plan(country_code: int) -> _Plan | None:
    region = COUNTRY_CODE_TO_REGION_CODE[country_code][0]
    return _plan(PhoneMetadata.metadata_for_region_or_calling_code(country_code, region))


def _region_plan(region: str) -> _Plan:
    plan = _plan(PhoneMetadata.metadata_for_region(region))
    if plan is None:
        raise ValueError(f"unknown phone region {region!r}")
    return plan


def _plan(metadata: PhoneMetadata | None) -> _Plan | None:
    general = metadata.general_desc if metadata else None
    if metadata is None or general is None or general.national_number_pattern is None:
        return None
    return _Plan(
        metadata.national_prefix or "",
        re.compile(general.national_number_pattern),
        tuple(general.possible_length),
    )
