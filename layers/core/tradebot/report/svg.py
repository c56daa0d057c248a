"""Charts as SVG text. Colours are classes, so that the page decides them for light and dark."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Final

from tradebot.report.axis import time_ticks, value_ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTH: Final = 1_120
LEFT: Final = 68
RIGHT: Final = 12
TOP: Final = 10
BOTTOM: Final = 26
_LANE_PIXELS: Final = 13
#: Room that the last label of the time axis needs.
_LABEL_PIXELS: Final = 100


@dataclass(slots=True)
class Chart:
    """One panel: a time axis, a value axis, and what is drawn between them, in drawing order."""

    start_ms: int
    end_ms: int
    low: float
    high: float
    height: int
    label: str
    parts: list[str] = field(default_factory=list)

    def x(self, at_ms: float) -> float:
        """Return where a time stands."""
        span = max(1, self.end_ms - self.start_ms)
        return LEFT + (at_ms - self.start_ms) / span * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return where a value stands."""
        span = (self.high - self.low) or 1.0
        return self.height - BOTTOM - (value - self.low) / span * (self.height - TOP - BOTTOM)

    def points(self, at_ms: Sequence[int], values: Sequence[float]) -> str:
        """Return coordinates for a line."""
        return " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in zip(at_ms, values, strict=True))

    def line(self, at_ms: Sequence[int], values: Sequence[float], style: str) -> None:
        """Draw a line."""
        self.parts.append(f'<polyline class="line {style}" points="{self.points(at_ms, values)}"/>')

    def area(self, at_ms: Sequence[int], low: Sequence[float], high: Sequence[float], style: str) -> None:
        """Fill between two lines."""
        there = self.points(at_ms, high)
        back = self.points(list(reversed(at_ms)), list(reversed(low)))
        self.parts.append(f'<polygon class="area {style}" points="{there} {back}"/>')

    def steps(self, at_ms: Sequence[int], values: Sequence[float], style: str) -> None:
        """Draw levels that hold until the next time."""
        path = f"M{self.x(at_ms[0]):.1f},{self.y(values[0]):.1f}"
        for at, value in zip(at_ms[1:], values[1:], strict=True):
            path += f"H{self.x(at):.1f}V{self.y(value):.1f}"
        self.parts.append(f'<path class="line {style}" d="{path}"/>')

    def axes(self, label_of: Callable[[float], str]) -> None:
        """Draw the grid with its labels."""
        for value in value_ticks(self.low, self.high):
            y = self.y(value)
            self.parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            self.parts.append(
                f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label_of(value)}</text>'
            )
        bottom, x = self.height - BOTTOM, 0.0
        for at, label in time_ticks(self.start_ms, self.end_ms, most=12):
            x, before = self.x(at), x
            anchor = "end" if x > WIDTH - 40 else "start" if x < LEFT + 20 else "middle"
            self.parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
            if anchor != "end" or x - before > _LABEL_PIXELS:
                self.parts.append(
                    f'<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="{anchor}">{label}</text>'
                )

    def mark(self, shape: str, at_ms: int, value: float, style: str, title: str) -> None:
        """Draw one mark that says what it is when it is pointed at."""
        path = shape_path(shape, self.x(at_ms), self.y(value), 5.0)
        self.parts.append(f'<path class="mark {style}" d="{path}"><title>{escape(title)}</title></path>')

    def lane(self, number: int, at_ms: Sequence[int], style: str) -> None:
        """Draw times as strokes in a row of its own above the time axis; row 0 is the lowest."""
        top = self.height - BOTTOM - (number + 1) * _LANE_PIXELS
        path = "".join(f"M{self.x(at):.1f},{top}v{_LANE_PIXELS - 3}" for at in at_ms)
        self.parts.append(f'<path class="lane {style}" d="{path}"/>')

    def render(self) -> str:
        """Return the panel."""
        body = "".join(self.parts)
        return f'<svg viewBox="0 0 {WIDTH} {self.height}" role="img" aria-label="{escape(self.label)}">{body}</svg>'


def bars(bounds: Sequence[float], counts: Sequence[int], height: int, label: str) -> str:
    """Return a panel of bars between bounds: those below zero are losses."""
    low, high, most = bounds[0], bounds[-1], max(counts)
    bottom, wide = height - BOTTOM, (WIDTH - LEFT - RIGHT) / (high - low)
    parts = []
    for count in sorted({round(value) for value in value_ticks(0, most, 4)}):
        y = bottom - count / most * (bottom - TOP)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{count:,}</text>')
    for begin, end, count in zip(bounds, bounds[1:], counts, strict=False):
        x, tall = LEFT + (begin - low) * wide, count / most * (bottom - TOP)
        title = f"{count:,} from {begin:,.10g} to {end:,.10g}"
        parts.append(
            f'<rect class="bar {"loss" if end <= 0 else "gain"}" x="{x + 1:.1f}" y="{bottom - tall:.1f}" '
            f'width="{max(1.0, (end - begin) * wide - 2):.1f}" height="{tall:.1f}"><title>{title}</title></rect>'
        )
    for value in value_ticks(low, high, 12):
        x = LEFT + (value - low) * wide
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{value:,.10g}</text>')
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def shape_path(shape: str, x: float, y: float, size: float) -> str:
    """Return a closed path around a point: up and down are triangles, cross and dot what their names say."""
    s = size
    if shape == "up":
        return f"M{x:.1f},{y - s:.1f}l{s:.1f},{1.8 * s:.1f}h{-2 * s:.1f}z"
    if shape == "down":
        return f"M{x:.1f},{y + s:.1f}l{s:.1f},{-1.8 * s:.1f}h{-2 * s:.1f}z"
    if shape == "cross":
        arm = 0.45 * s
        moves = ((1, -1), (1, 1), (-1, 1), (1, 1), (-1, 1), (-1, -1), (-1, 1), (-1, -1), (1, -1), (-1, -1), (1, -1))
        lengths = (s - arm, arm, s - arm, s - arm, arm, s - arm, s - arm, arm, s - arm, s - arm, arm)
        sides = "".join(f"l{dx * n:.1f},{dy * n:.1f}" for (dx, dy), n in zip(moves, lengths, strict=True))
        return f"M{x:.1f},{y - arm:.1f}{sides}z"
    return f"M{x - s:.1f},{y:.1f}a{s:.1f},{s:.1f} 0 1,0 {2 * s:.1f},0a{s:.1f},{s:.1f} 0 1,0 {-2 * s:.1f},0z"
