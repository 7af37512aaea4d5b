"""The demo: an audit of a face GAN, and one of text-to-image models whose bias is known."""

from dataclasses import dataclass
from typing import Any

from audit.starters import DEMO_PACKS, DEMO_SPEC

__all__ = ["DEMOS", "PHANTOM", "Demo"]


@dataclass(frozen=True, slots=True)
class Demo:
    """One audit of the demo."""

    packs: tuple[str, ...]
    """Weight packs that it needs."""
    spec: dict[str, Any]


_PHANTOM_PACKS = ("phantom-even", "phantom-skewed", "phantom-regressed", "phantom-clip")

_POOLED = "Judged over occupations together: a single occupation has too few images here."
_APART = {"group": "indoors", "against": "outdoors"}


def _model(preset: str) -> dict[str, Any]:
    params = {"pack": f"phantom-{preset}", "steps": 8, "guidance": 1.0, "batch": 64}
    return {"use": "diffusion", "name": f"phantom-{preset}", "params": params}


_PHANTOM_SPEC: dict[str, Any] = {
    "name": "demo-phantom",
    "seed": 2026,
    "draws_per_probe": 4,
    "generators": [_model("even"), _model("skewed"), _model("regressed")],
    "probes": [
        {"use": "phantom", "name": "occupations"},
        {
            "use": "phantom",
            "name": "counterfactual",
            "params": {"counterfactual": True, "factors": ["skin_tone"], "exclude": [{"arm": "placebo: one clause"}]},
        },
    ],
    "scorers": [{"use": "pixels"}, {"use": "phantom_oracle"}, {"use": "clip", "params": {"pack": "phantom-clip"}}],
    "metrics": [
        {
            "use": "phantom_truth",
            "params": {
                "banks": {"phantom-even": "even", "phantom-skewed": "skewed", "phantom-regressed": "regressed"},
                "groups": {
                    "indoors": ["doctor", "nurse", "painter", "scientist"],
                    "outdoors": ["builder", "firefighter", "pilot", "police officer"],
                    "chef and doctor": ["chef", "doctor"],
                },
            },
        },
        {
            "use": "representation",
            "name": "perceived_presentation",
            "params": {"column": "phantom_oracle.perceived_presentation", "by": ["occupation"]},
        },
        {
            "use": "representation",
            "name": "perceived_age",
            "params": {"column": "phantom_oracle.perceived_age_band", "by": []},
        },
        {
            "use": "association",
            "params": {
                "column": "phantom_oracle.perceived_presentation",
                "other": "phantom_oracle.perceived_age_band",
                "by": "occupation",
            },
        },
        {
            "use": "counterfactual",
            "params": {"column": "phantom_oracle.perceived_presentation", "level": "feminine"},
        },
        {"use": "outcomes", "params": {"columns": ["phantom_oracle.perceived_presentation"], "by": ["skin_tone"]}},
        {"use": "means", "name": "resolution", "params": {"columns": ["pixels.sharpness"], "by": []}},
        {"use": "alignment", "params": {"by": ["skin_tone"]}},
    ],
    "gates": [
        {
            "metric": "phantom_truth.difference",
            "generator": "phantom-even",
            "where": _APART,
            "at_most": 0.15,
            "note": f"Passes by design at four draws a prompt: no such difference is planted in this model. {_POOLED}",
        },
        {
            "metric": "phantom_truth.difference",
            "generator": "phantom-skewed",
            "where": _APART,
            "at_most": 0.15,
            "note": f"Fails by design at four draws a prompt: 62.5 points were planted. {_POOLED}",
        },
        {
            "metric": "resolution.mean",
            "generator": "phantom-regressed",
            "where": {"column": "pixels.sharpness"},
            "baseline": "generator:phantom-even",
            "margin": 0.002,
            "note": "Fails by design: this release candidate learnt from pictures of 32 pixels, scaled up.",
        },
        {
            "metric": "phantom_truth.share",
            "generator": "phantom-regressed",
            "where": {"group": "chef and doctor"},
            "baseline": "generator:phantom-even",
            "margin": 0.1,
            "note": "Inconclusive by design: ten points were planted in two occupations; so few images cannot place them.",
        },
        {
            "metric": "alignment.clipscore",
            "generator": "phantom-regressed",
            "baseline": "generator:phantom-even",
            "margin": 0.4,
            "note": "Passes by design: the score falls, as soft pictures do, but by less than the margin.",
        },
    ],
}

PHANTOM = Demo(_PHANTOM_PACKS, _PHANTOM_SPEC)

DEMOS = {"faces": Demo(DEMO_PACKS, DEMO_SPEC), "phantom": PHANTOM}
