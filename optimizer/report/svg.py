"""Small pieces of inline SVG: scales, axes, marks. Colours are classes of the page's style."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Frame", "Scale", "axes", "figure", "number", "ticks"]


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to pixels, straight or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        low, high, at = self.low, self.high, value
        if self.is_log:
            low, high, at = math.log10(low), math.log10(high), math.log10(max(value, self.low))
        share = 0.5 if high == low else (at - low) / (high - low)
        return self.start + share * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Frame:
    """The drawing area of a chart, pixels."""

    width: int = 540
    height: int = 300
    left: int = 56
    right: int = 16
    top: int = 14
    bottom: int = 42

    def x(self, low: float, high: float, *, is_log: bool = False) -> Scale:
        """Return the horizontal scale."""
        return Scale(low, high, self.left, self.width - self.right, is_log)

    def y(self, low: float, high: float) -> Scale:
        """Return the vertical scale, high values above."""
        return Scale(low, high, self.height - self.bottom, self.top)


def figure(frame: Frame, marks: Sequence[str], *, title: str) -> str:
    """Return a chart that scales with the page and is named for screen readers."""
    box = f"0 0 {frame.width} {frame.height}"
    body = "".join(marks)
    return (
        f'<svg viewBox="{box}" role="img" aria-label="{escape(title)}" class="chart">{body}</svg>'
    )


def axes(frame: Frame, x: Scale, y: Scale, *, x_name: str, y_name: str) -> Iterator[str]:
    """Yield grid, tick labels and the names of both axes."""
    bottom = frame.height - frame.bottom
    for value in ticks(y.low, y.high, 5):
        at = y(value)
        yield f'<line x1="{x.start}" x2="{x.end}" y1="{at:.1f}" y2="{at:.1f}" class="grid"/>'
        yield (f'<text x="{x.start - 8}" y="{at + 4:.1f}" text-anchor="end">{number(value)}</text>')
    for value in _decades(x) if x.is_log else ticks(x.low, x.high, 6):
        at = x(value)
        yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{bottom}" y2="{bottom + 4}" class="axis"/>'
        yield (f'<text x="{at:.1f}" y="{bottom + 17}" text-anchor="middle">{number(value)}</text>')
    yield f'<line x1="{x.start}" x2="{x.end}" y1="{bottom}" y2="{bottom}" class="axis"/>'
    middle = (x.start + x.end) / 2
    yield (
        f'<text x="{middle:.0f}" y="{frame.height - 6}" text-anchor="middle" class="name">'
        f"{escape(x_name)}</text>"
    )
    side = (y.start + y.end) / 2
    yield (
        f'<text x="14" y="{side:.0f}" text-anchor="middle" class="name" '
        f'transform="rotate(-90 14 {side:.0f})">{escape(y_name)}</text>'
    )


def ticks(low: float, high: float, count: int) -> list[float]:
    """Return about ``count`` round values between ``low`` and ``high``."""
    if high <= low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * f for f in (1, 2, 5, 10) if power * f >= rough)
    first = math.ceil(low / step)
    last = math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)]


def number(value: float) -> str:
    """Write a number in few characters."""
    if value == 0:
        return "0"
    if 10_000 <= abs(value) < 1_000_000:
        return f"{value / 1000:.4g}k"
    if abs(value) >= 1_000_000 or abs(value) < 0.001:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _decades(scale: Scale) -> list[float]:
    low, high = math.ceil(math.log10(scale.low)), math.floor(math.log10(scale.high))
    found = [10.0**power for power in range(low, high + 1)]
    return found or [scale.low, scale.high]
