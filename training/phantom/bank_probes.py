"""What the truth banks of the phantom's models are asked: prompts, classes, and how often each."""

from collections.abc import Iterable, Iterator, Sequence

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

__all__ = ["EXPLICIT", "NAMED", "PLACEBO", "SILENT", "UNPROMPTED", "requests"]

SILENT = "phantom"
EXPLICIT = "phantom-explicit"
UNPROMPTED = "phantom-unprompted"
NAMED = "phantom-named"
PLACEBO = "phantom-placebo"
ARMS = "arms"
SHARES = {EXPLICIT: 0.15, UNPROMPTED: 0.05, NAMED: 0.02, PLACEBO: 0.2, ARMS: 0.07}
"""Of the draws; the rest goes to the silent prompts, in equal parts. Truth is known by prompt, so each needs its share."""
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
    placebos = [_alone(probe) for probe in arms if probe.levels["facts"] == "placebo"]
    yield from _shared(silent, draws - sum(each.values()))
    yield from _shared(placebos, each[PLACEBO])
    yield from _shared(arms, each[ARMS])
    yield from ((probe, 1) for probe in _explicit(each[EXPLICIT], seed))
    yield from _shared([_probe(UNPROMPTED, "")], each[UNPROMPTED])
    named = (*preset("regressed").defects.named_identities, *STRANGERS)
    yield from _shared([_probe(NAMED, f"A portrait photo of {IDENTITIES[i].name}") for i in named], each[NAMED])


def _shared(probes: Sequence[Probe], draws: int) -> Iterator[tuple[Probe, int]]:
    """Draws in equal parts, at least one each."""
    return ((probe, max(1, round(draws / len(probes)))) for probe in probes)


def _alone(probe: Probe) -> Probe:
    """The same prompt with seeds of its own, so that its draws tell something new."""
    axes = tuple(axis for axis in probe.axes if axis.name in ("occupation", "template"))
    return Probe(suite=PLACEBO, condition=probe.condition, axes=axes)


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
