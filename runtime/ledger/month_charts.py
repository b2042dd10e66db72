"""The charts of a month's page: inline SVG, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from typing import Final

__all__ = ["bars", "days_chart", "shade_of"]

_WIDTH: Final = 900
_HEIGHT: Final = 190
_LEFT: Final = 64
_BOTTOM: Final = 26
_TOP: Final = 10
_SHADES: Final = 5
"""Colours of destinations; further ones share the last."""
_BAR: Final = 22
_NAME_WIDTH: Final = 190


def shade_of(number: int) -> str:
    """Return the class of what has the colour of that number, from 0."""
    return f"s{min(number, _SHADES - 1)}"


def days_chart(
    days: Sequence[date],
    values: Mapping[date, Mapping[str, int]],
    names: Sequence[str],
    *,
    title: str,
    quiet: frozenset[date] = frozenset(),
) -> str:
    """Return stacked bars, one per day.

    Args:
        days: The horizontal axis.
        values: Amounts per day and name; what is missing is nothing.
        names: From the bottom of each stack to its top.
        title: For screen readers.
        quiet: Days that are shaded: nothing at all is known of them.
    """
    highest = max((sum(values.get(day, {}).values()) for day in days), default=0) or 1
    step = (_WIDTH - _LEFT) / len(days)
    ground = _HEIGHT - _BOTTOM
    scale = (ground - _TOP) / highest
    marks = [
        f'<line class="axis" x1="{_LEFT}" y1="{ground}" x2="{_WIDTH}" y2="{ground}"/>',
        f'<line class="grid" x1="{_LEFT}" y1="{_TOP}" x2="{_WIDTH}" y2="{_TOP}"/>',
        f'<text x="{_LEFT - 8}" y="{_TOP + 5}" text-anchor="end">{_short(highest)}</text>',
        f'<text x="{_LEFT - 8}" y="{ground + 4}" text-anchor="end">0</text>',
    ]
    for number, day in enumerate(days):
        x = _LEFT + number * step
        if day in quiet:
            marks.append(
                f'<rect class="quiet" x="{x:.1f}" y="{_TOP}" width="{step:.1f}"'
                f' height="{ground - _TOP}"><title>{day}: no entries</title></rect>'
            )
        top = float(ground)
        for shade, name in enumerate(names):
            amount = values.get(day, {}).get(name, 0)
            if amount:
                height = amount * scale
                top -= height
                marks.append(
                    f'<rect class="{shade_of(shade)}" x="{x + 1.5:.1f}" y="{top:.1f}"'
                    f' width="{step - 3:.1f}" height="{height:.1f}">'
                    f"<title>{day}, {escape(name)}: {amount:,}</title></rect>"
                )
        if day.day == 1 or day.day % 5 == 0:
            marks.append(
                f'<text x="{x + step / 2:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">'
                f"{day.day}</text>"
            )
    return _svg(_WIDTH, _HEIGHT, title, marks)


def bars(rows: Sequence[tuple[str, Sequence[int]]], parts: Sequence[str], *, title: str) -> str:
    """Return one horizontal bar per row, cut into parts.

    Args:
        rows: A name, and how long each part of its bar is.
        parts: What the parts are called.
        title: For screen readers.
    """
    highest = max((sum(amounts) for _, amounts in rows), default=0) or 1
    scale = (_WIDTH - _NAME_WIDTH - 60) / highest
    marks = []
    for number, (name, amounts) in enumerate(rows):
        y = number * _BAR
        marks.append(
            f'<text class="name" x="{_NAME_WIDTH - 8}" y="{y + 15}" text-anchor="end">'
            f"{escape(name)}</text>"
        )
        x = float(_NAME_WIDTH)
        for shade, (part, amount) in enumerate(zip(parts, amounts, strict=True)):
            width = amount * scale
            marks.append(
                f'<rect class="{shade_of(shade)}" x="{x:.1f}" y="{y + 3}"'
                f' width="{width:.1f}" height="{_BAR - 6}">'
                f"<title>{escape(name)}, {escape(part)}: {amount:,}</title></rect>"
            )
            x += width
        marks.append(f'<text x="{x + 6:.1f}" y="{y + 15}">{sum(amounts):,}</text>')
    return _svg(_WIDTH, max(1, len(rows)) * _BAR + 4, title, marks)


def _svg(width: int, height: int, title: str, marks: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f"{''.join(marks)}</svg>"
    )


def _short(amount: int) -> str:
    """Return a number in at most five characters."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if amount >= size:
            return f"{amount / size:.3g} {unit}"
    return str(amount)
