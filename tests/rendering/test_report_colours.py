"""Contrast of the palettes, computed: axe cannot see into charts."""

import re
from pathlib import Path

import pytest


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def blend(top: str, ground: str, opacity: float) -> str:
    mixed = [round(opacity * int(top[i : i + 2], 16) + (1 - opacity) * int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def palettes() -> dict[str, dict[str, str]]:
    css = (Path(__file__).parents[2] / "reports" / "templates" / "style.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)
    light, dark, paper = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", block)) for block in blocks)
    return {
        "light": light,
        "dark": dark,
        "print": light | {name: (c if len(c) == 7 else "#" + "".join(2 * x for x in c[1:])) for name, c in paper.items()},
    }


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_colours_reach_double_a(scheme: str) -> None:
    colours = palettes()[scheme]
    for ground in ("paper", "card"):
        for text in ("ink", "ink-2", "link"):
            assert ratio(colours[text], colours[ground]) >= 4.5, (text, ground)
        for mark in ("s1", "s2", "s3", "s4", "s5", "s6"):
            assert ratio(colours[mark], colours[ground]) >= 3, (mark, ground)
        for heat in ("s1", "s2"):  # heat maps print values on these, at most half opaque
            assert ratio(colours["ink"], blend(colours[heat], colours[ground], 0.5)) >= 4.5, (heat, ground)
    for tone in ("pass", "fail", "inconclusive", "invalid"):
        assert ratio(colours[tone], colours[f"{tone}-soft"]) >= 4.5, tone
        assert ratio(colours["ink"], colours[f"{tone}-soft"]) >= 4.5, tone
    assert ratio(colours["ink-2"], colours["track"]) >= 4.5
    assert ratio(colours["ink-2"], colours["band"]) >= 4.5
