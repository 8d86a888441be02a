"""Charts as SVG text, for a page that has to stand alone: no script, colours by CSS classes of that page."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tlstudio.core.events import EpochDone

WIDTH, HEIGHT = 440, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 28, 40
Points = Sequence[tuple[float, float]]


def losses(epochs: Sequence[EpochDone]) -> str:
    """Training and validation loss, epoch by epoch through all phases."""
    train, val = [e.train_loss for e in epochs], [e.val_loss for e in epochs]
    most = max((x for x in (*train, *val) if math.isfinite(x)), default=1.0)
    return _curves(epochs, [("train", train), ("val", val)], _ceiling(most), "loss (nats)", percent=False)


def accuracies(epochs: Sequence[EpochDone]) -> str:
    """Training and validation accuracy, epoch by epoch through all phases."""
    series = [("train", [e.train_accuracy for e in epochs]), ("val", [e.val_accuracy for e in epochs])]
    return _curves(epochs, series, 1.0, "accuracy", percent=True)


def _ceiling(most: float) -> float:
    """The next round number: 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(max(most, 1e-9)))
    return next(float(step * power) for step in (1, 2, 5, 10) if step * power >= most)


def _curves(
    epochs: Sequence[EpochDone], series: Sequence[tuple[str, Sequence[float]]], most: float, name: str, percent: bool
) -> str:
    count = len(epochs)

    def across(number: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((number - 1) / max(count - 1, 1))

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(value / most, 1)

    parts = [f'<text class="name" x="{LEFT}" y="14">{name}</text>']
    for step in range(5):
        value = most * step / 4
        label = f"{value:.0%}" if percent else f"{value:g}"
        parts += [_line("grid", (LEFT, up(value)), (WIDTH - RIGHT, up(value)))]
        parts += [_text(LEFT - 6, up(value) + 4, label, "end")]
    for number in sorted({1, *range(max(1, count // 5), count + 1, max(1, count // 5)), count}):
        parts.append(_text(across(number), HEIGHT - BOTTOM + 16, str(number), "middle"))
    for number, (before, after) in enumerate(itertools.pairwise(epochs), start=1):
        if before.phase != after.phase:
            x = across(number + 0.5)
            parts += [_line("border", (x, TOP), (x, HEIGHT - BOTTOM))]
            parts += [_text(x + 4, TOP + 10, f"phase {after.phase}", "start")]
    for kind, values in series:
        points = [(across(i), up(v)) for i, v in enumerate(values, start=1) if math.isfinite(v)]
        parts.append(f'<polyline class="line {kind}" points="{_joined(points)}"/>')
        if len(points) == 1:
            parts.append(f'<circle class="dot {kind}" cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3"/>')
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "epoch", "middle"))
    return _svg(f"{name} by epoch", parts)


def reliability(raw: Sequence[Mapping[str, Any]], scaled: Sequence[Mapping[str, Any]]) -> str:
    """How often answers were right against how probable they were said to be, before and after the temperature."""

    def across(share: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * share

    def up(share: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    parts = [f'<text class="name" x="{LEFT}" y="14">right</text>']
    parts.append(_line("border", (across(0), up(0)), (across(1), up(1))))
    for step in range(5):
        share = step / 4
        parts += [_line("grid", (across(0), up(share)), (across(1), up(share)))]
        parts += [_text(LEFT - 6, up(share) + 4, f"{share:.0%}", "end")]
        parts += [_text(across(share), HEIGHT - BOTTOM + 16, f"{share:.0%}", "end" if step == 4 else "middle")]
    for kind, bins in (("train", raw), ("val", scaled)):
        points = [(across(b["confidence"]), up(b["accuracy"])) for b in bins]
        parts.append(f'<polyline class="line {kind}" points="{_joined(points)}"/>')
        for b, (x, y) in zip(bins, points, strict=True):
            if kind == "val":
                low, high = b["interval"]
                parts.append(_line("whisker", (x, up(low)), (x, up(high))))
            parts.append(f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "probability it gave", "middle"))
    return _svg("how often it was right, by the probability it gave", parts)


def _svg(title: str, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}"><title>{title}</title>'
    return f"{head}{''.join(parts)}</svg>"


def _joined(points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _line(kind: str, begin: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = begin, end
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
