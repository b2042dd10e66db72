"""Amounts of money as operators write them, and as the gateway counts them: whole micro-dollars.

Knows no budget and no price. ``Decimal`` on the way in, so that "0.1" is a tenth and "nan" is an
error; an ``int`` from there on.
"""

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Final

from runtime.errors import RequestInvalid

__all__ = ["MAX_MICROS", "MAX_TOKENS", "format_usd", "parse_tokens", "parse_usd"]

MAX_MICROS: Final = 10**15
"""A thousand million dollars. More is a typing error, and sums of it still fit 64 bits."""
MAX_TOKENS: Final = 10**15
_MICROS_PER_USD: Final = 1_000_000


def parse_usd(text: str, *, field: str, most_micros: int = MAX_MICROS) -> int:
    """Return an amount such as ``12.50`` as micro-dollars; zero is an amount.

    Raises:
        RequestInvalid: Not a number, negative, finer than a micro-dollar, or above the limit.
    """
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise RequestInvalid(f"{field}: {text[:40]!r} is no amount of US dollars", field=field)
    if amount < 0:
        raise RequestInvalid(f"{field}: an amount of money cannot be negative", field=field)
    if amount * _MICROS_PER_USD > most_micros:
        most = format_usd(most_micros)
        raise RequestInvalid(f"{field}: give at most {most} US dollars", field=field)
    whole = (amount * _MICROS_PER_USD).to_integral_value(ROUND_CEILING)
    if whole != amount * _MICROS_PER_USD:
        raise RequestInvalid(
            f"{field}: amounts are counted in millionths of a dollar; give at most six decimals",
            field=field,
        )
    return int(whole)


def parse_tokens(text: str, *, field: str, least: int = 0, most: int = MAX_TOKENS) -> int:
    """Return a whole number such as ``5000000`` or ``5_000_000``.

    Raises:
        RequestInvalid: Not a whole number, or outside the limits.
    """
    try:
        number = int(text.strip()) if len(text) <= 40 else None
    except ValueError:
        number = None
    if number is None:
        raise RequestInvalid(f"{field}: {text[:40]!r} is no whole number", field=field)
    if not least <= number <= most:
        raise RequestInvalid(f"{field}: give a number from {least} to {most}", field=field)
    return number


def format_usd(micros: int) -> str:
    """Return micro-dollars as dollars with at least two decimals: ``12.50``, ``0.000123``."""
    sign = "-" if micros < 0 else ""
    dollars, rest = divmod(abs(micros), _MICROS_PER_USD)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{dollars}.{decimals}"
