"""A chart of shares by numbers of looks, as SVG text."""

import math
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 48, 56
COLOURS = ("#c2410c", "#0f766e")
TITLE = "Tests of two equal variants that were called different at some look"
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2937}.title{font-weight:600}"
    ".grid{stroke:#e5e7eb}.axis{stroke:#6b7280}"
    ".allowed{stroke:#6b7280;stroke-dasharray:6 4}"
    ".line{fill:none;stroke-width:2.5;stroke-linejoin:round}"
)


def drawn(looks: Sequence[int], lines: Mapping[str, Sequence[float]], *, allowed: float) -> str:
    top = math.ceil(max(map(max, lines.values())) * 10 + 0.5) / 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>False positives of tests without a difference, by the number of looks</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text class="title" x="{LEFT}" y="26">{TITLE}</text>',
        *_grid(looks, top),
        *_allowed(allowed, top),
    ]
    for (name, shares), colour in zip(lines.items(), COLOURS, strict=True):
        parts += _line(looks, (name, shares), top, colour)
    return "\n".join([*parts, "</svg>", ""])


def _grid(looks: Sequence[int], top: float) -> list[str]:
    tenths = [(tenth, _y(tenth / 10, top)) for tenth in range(round(top * 10) + 1)]
    floor, middle = HEIGHT - BOTTOM, (LEFT + WIDTH - RIGHT) / 2
    return [
        *(f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>' for _, y in tenths),
        *(_text(LEFT - 8, y + 4, f"{tenth * 10} %", "end") for tenth, y in tenths),
        *(_text(_x(number, looks), floor + 20, f"{number:,}", "middle") for number in looks),
        _text(middle, HEIGHT - 14, "looks, evenly spaced, up to 20,000 users an arm", "middle"),
        f'<path class="axis" d="M{LEFT} {floor}H{WIDTH - RIGHT}"/>',
    ]


def _allowed(allowed: float, top: float) -> list[str]:
    y = _y(allowed, top)
    return [
        f'<path class="allowed" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>',
        _text(WIDTH - RIGHT, y - 6, f"{100 * allowed:g} % allowed", "end"),
    ]


def _line(
    looks: Sequence[int], named: tuple[str, Sequence[float]], top: float, colour: str
) -> list[str]:
    name, shares = named
    points = [
        (_x(number, looks), _y(share, top)) for number, share in zip(looks, shares, strict=True)
    ]
    path = "L".join(f"{x} {y}" for x, y in points)
    (x, y), anchor = (
        (points[len(points) // 2], "end") if shares[-1] > top / 2 else (points[3], "middle")
    )
    return [
        f'<path class="line" stroke="{colour}" d="M{path}"/>',
        *(f'<circle cx="{cx}" cy="{cy}" r="3.5" fill="{colour}"/>' for cx, cy in points),
        _text(x - 10, y - 8, f'<tspan style="fill:{colour}">{name}</tspan>', anchor),
    ]


def _x(number: int, looks: Sequence[int]) -> float:
    share = math.log(number / looks[0]) / math.log(looks[-1] / looks[0])
    return round(LEFT + 16 + share * (WIDTH - LEFT - RIGHT - 32), 1)


def _y(share: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - share / top * (HEIGHT - TOP - BOTTOM), 1)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'
