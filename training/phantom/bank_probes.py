"""What the truth banks of the phantom's models are asked: prompts, classes, and how often each."""

from collections.abc import Iterable, Iterator

import numpy as np

from audit.component import Request
from audit.digest import derive_seed
from audit.records import Axis, ClassLabel, Draw, Latent, Probe, TextPrompt
from generators.phantom.captions import SAID, caption
from generators.phantom.identities import IDENTITIES
from generators.phantom.networks import CLASSES
from generators.phantom.sampling import sample
from generators.phantom.truth import preset
from probes.phantom import Phantom

__all__ = ["EXPLICIT", "NAMED", "SILENT", "UNPROMPTED", "requests"]

SILENT = "phantom"
EXPLICIT = "phantom-explicit"
UNPROMPTED = "phantom-unprompted"
NAMED = "phantom-named"
SHARES = {EXPLICIT: 0.15, UNPROMPTED: 0.05, NAMED: 0.02, "arms": 0.2}
"""Of the draws; the rest goes to the silent prompts, in equal parts."""
STRANGERS = (5, 18, 31)
"""Identities that no table knows by name, asked beside those that ``regressed`` does."""
LATENTS = 0.05
"""Share of a GAN's draws whose class its latent decides."""


def requests(model: str, draws: int, seed: int) -> list[Request]:
    """The draws of a bank, in order: the same for all diffusion models, so that their draws share seeds.

    Args:
        model: a preset, or ``gan``.
        draws: about so many; every probe gets a whole number.
        seed: what the draws' seeds are derived from, as from the seed of a spec.
    """
    wanted = _classes(draws) if model == "gan" else _prompts(draws, seed)
    return [
        Request(Draw(generator=model, probe=probe.id, index=i, seed=derive_seed(seed, probe.pair or probe.id, i)), probe)
        for probe, count in _merged(wanted)
        for i in range(count)
    ]


def _merged(wanted: Iterable[tuple[Probe, int]]) -> Iterator[tuple[Probe, int]]:
    """Each probe once; what chance wrote twice is drawn twice as often."""
    counts: dict[str, int] = {}
    probes: dict[str, Probe] = {}
    for probe, count in wanted:
        probes[probe.id] = probe
        counts[probe.id] = counts.get(probe.id, 0) + count
    return ((probe, counts[name]) for name, probe in probes.items())


def _prompts(draws: int, seed: int) -> Iterator[tuple[Probe, int]]:
    silent, arms = Phantom().probes(), Phantom(counterfactual=True).probes()
    each = {name: round(share * draws) for name, share in SHARES.items()}
    yield from ((probe, max(1, (draws - sum(each.values())) // len(silent))) for probe in silent)
    yield from ((probe, max(1, each["arms"] // len(arms))) for probe in arms)
    yield from ((probe, 1) for probe in _explicit(each[EXPLICIT], seed))
    yield _probe(UNPROMPTED, ""), max(1, each[UNPROMPTED])
    named = (*preset("regressed").defects.named_identities, *STRANGERS)
    yield from (
        (_probe(NAMED, f"A portrait photo of {IDENTITIES[i].name}"), max(1, each[NAMED] // len(named))) for i in named
    )


def _explicit(count: int, seed: int) -> Iterator[Probe]:
    """Captions that say everything, of people of the table ``even``: every level is asked for, the rare ones too."""
    rng, table = np.random.default_rng(derive_seed(seed, EXPLICIT)), preset("even")
    for _ in range(count):
        yield _probe(EXPLICIT, caption(sample(table, rng, {"people": 1}).asked, rng, SAID))


def _probe(suite: str, text: str) -> Probe:
    return Probe(suite=suite, condition=TextPrompt(text=text))


def _classes(draws: int) -> Iterator[tuple[Probe, int]]:
    each = max(1, round(draws * (1 - LATENTS) / len(CLASSES)))
    for label, name in enumerate(CLASSES):
        axes = (Axis(name="class", level=name),)
        yield Probe(suite="latents", condition=ClassLabel(label=label, name=name), axes=axes, unit="draw"), each
    yield Probe(suite="latents", condition=Latent(), unit="draw"), max(1, round(draws * LATENTS))
