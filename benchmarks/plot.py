"""A plot of curves, both axes logarithmic, as SVG: lines, what they are called, a slope to compare.

Nothing but text; no library. The same curves give the same text.
"""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Iterator, Sequence

WIDTH, HEIGHT = 960, 560
LEFT, RIGHT, TOP, BOTTOM = 76, 330, 56, 56
COLOURS = (
    "#1f5fa8",
    "#c4501b",
    "#2c8a4b",
    "#8a3fa0",
    "#b02a4c",
    "#6b5b1f",
    "#1b8c95",
    "#5a5f66",
    "#d08a00",
)
LABEL_APART = 17


@dataclasses.dataclass(frozen=True, slots=True)
class Curve:
    """A line through points (x, y), both above 0, by x."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Axis:
    """Decades from one power of ten to another, over so many pixels."""

    first: int
    last: int
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of a value."""
        part = (math.log10(value) - self.first) / (self.last - self.first)
        return self.start + part * (self.end - self.start)

    def decades(self) -> range:
        """Return the powers of ten."""
        return range(self.first, self.last + 1)


def plot(title: str, x_name: str, y_name: str, curves: Sequence[Curve]) -> str:
    """Return the SVG of curves that have at least two points each. Raises ValueError for none."""
    points = [point for curve in curves for point in curve.points]
    if not points or min(min(point) for point in points) <= 0:
        raise ValueError("nothing to draw, or a value that has no logarithm")
    x = _axis([one for one, _ in points], LEFT, WIDTH - RIGHT)
    y = _axis([one for _, one in points], HEIGHT - BOTTOM, TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="28" font-size="17">{html.escape(title)}</text>',
        *_grid(x, y, x_name, y_name),
        *_slope(x, y),
        *_curves(x, y, curves),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _axis(values: Sequence[float], start: float, end: float) -> _Axis:
    first = math.floor(math.log10(min(values)) + 1e-9)
    last = math.ceil(math.log10(max(values)) - 1e-9)
    return _Axis(first, max(last, first + 1), start, end)


def _grid(x: _Axis, y: _Axis, x_name: str, y_name: str) -> Iterator[str]:
    for decade in x.decades():
        at = x.at(10.0**decade)
        yield f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e3e3e3"/>'
        label = f"{10**decade:,}" if decade >= 0 else f"{10.0**decade:g}"
        yield f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{label}</text>'
    for decade in y.decades():
        at = y.at(10.0**decade)
        yield f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#e3e3e3"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10.0**decade:g}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle:.1f}" y="{HEIGHT - 12}" text-anchor="middle">{x_name}</text>'
    yield (
        f'<text transform="translate(18 {HEIGHT / 2:.1f}) rotate(-90)" text-anchor="middle">'
        f"{y_name}</text>"
    )


def _slope(x: _Axis, y: _Axis) -> Iterator[str]:
    """Draw what grows exactly linearly, from the lower left corner."""
    decades = min(x.last - x.first, y.last - y.first)
    end_x, end_y = x.at(10.0 ** (x.first + decades)), y.at(10.0 ** (y.first + decades))
    yield (
        f'<path d="M{x.at(10.0**x.first):.1f} {y.at(10.0**y.first):.1f}L{end_x:.1f} {end_y:.1f}" '
        'stroke="#999" stroke-dasharray="5 5"/>'
    )
    at = f'x="{end_x - 8:.1f}" y="{end_y + 20:.1f}"'
    yield f'<text {at} text-anchor="end" fill="#777">linear</text>'


def _curves(x: _Axis, y: _Axis, curves: Sequence[Curve]) -> Iterator[str]:
    labels: list[tuple[float, str, str]] = []
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        places = [(x.at(one), y.at(two)) for one, two in curve.points]
        path = "L".join(f"{one:.1f} {two:.1f}" for one, two in places)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (
            f'<circle cx="{one:.1f}" cy="{two:.1f}" r="3" fill="{colour}"/>' for one, two in places
        )
        labels.append((places[-1][1], colour, curve.name))
    below = -math.inf
    for at, colour, name in sorted(labels):
        # One line of text below the other, however close the curves end.
        below = max(at, below + LABEL_APART)
        yield (
            f'<text x="{WIDTH - RIGHT + 10}" y="{below + 4:.1f}" fill="{colour}">'
            f"{html.escape(name)}</text>"
        )
