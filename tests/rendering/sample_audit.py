"""A finished audit made by hand: a face GAN and its blurred copy, three gates, hostile names, and a long variant."""

from dataclasses import replace

from rendering.drawn_faces import boxes_of, digest_of, link_of, pixels_of

from audit.component import Audited
from audit.panels import Bars, Curve, Gallery, Heatmap, Intervals, Line, Pairs, Span, Table
from audit.purges import Purge
from audit.records import Cost, Finding, Interval, RunManifest, Verdict

HOSTILE = (
    "</script><img src=x onerror=alert(1)>\x00\x1b[31m \u202etxet desrever\u202c <b>&amp;</b> @team | $x^2$ 漢字 \ud800"
)
OCCUPATIONS = ("nurse", "engineer", "judge", "teacher", "farmer", "software developer", "chief executive officer", "dancer")


def gallery(first: int, count: int, title: str) -> Gallery:
    """A gallery of drawn faces."""
    seeds = range(first, first + count)
    return Gallery(
        title=title,
        summary="Drawn at random among the images behind the number.",
        images=tuple(digest_of(seed) for seed in seeds),
        captions=tuple(HOSTILE if seed == first + 1 else f"draw {seed}" for seed in seeds),
    )


def kid_finding(generator: str, estimate: float, half: float) -> Finding:
    """A distance to a reference set, with a curve."""
    steps = (64.0, 128.0, 256.0, 512.0)
    return Finding(
        metric="fidelity.kid",
        title="Distance between the generated images and the other half of the sample (KID)",
        protocol="kid-u/features-efficientnet-lite0@6f1c22ab/resize-bicubic-224/png/n256",
        generator=generator,
        baseline="dcgan_second_half",
        estimate=estimate,
        interval=Interval(low=estimate - half, high=estimate + half),
        confidence=0.95,
        unit="",
        better="lower",
        n=512,
        n_missing=0,
        clusters=512,
        method="Unbiased MMD² with the cubic polynomial kernel; interval from the jackknife over draws.",
        source="Bińkowski et al. 2018, Demystifying MMD GANs, equation 4",
        expected=0.0,
        panels=(
            Curve(
                title="The same distance at growing sample sizes",
                summary="The estimate settles from 128 images on; its band narrows with the root of n.",
                x_label="images",
                y_label="KID",
                lines=tuple(
                    Line(
                        label=label,
                        x=steps,
                        y=tuple(level * (1 + 20 / n) for n in steps),
                        low=tuple(level * (1 - 60 / n) for n in steps),
                        high=tuple(level * (1 + 90 / n) for n in steps),
                    )
                    for label, level in ((generator, max(estimate, 0.004)), ("noise floor", 0.002))
                ),
            ),
        ),
        evidence=tuple(digest_of(seed) for seed in range(20, 32)),
    )


def share_finding(metric: str, label: str, where: dict[str, str], estimate: float, n: int) -> Finding:
    """A share of a perceived label."""
    half = 1.96 * (estimate * (1 - estimate) / max(n, 1)) ** 0.5
    return Finding(
        metric=metric,
        title="Share of faces perceived as a given gender",
        protocol="share/attributes@ba55c0de/faces-hog@20.0.1/png",
        generator="dcgan",
        where={"label": label, **where},
        estimate=estimate,
        interval=Interval(low=max(0.0, estimate - half), high=min(1.0, estimate + half)),
        confidence=0.95,
        unit="share",
        better="none",
        n=n,
        n_missing=round(n * 0.21),
        clusters=n,
        method="Share among images with a face; Wilson interval over clusters.",
        source="Wilson 1927",
        note="Uncorrected: the classifier's labels are taken as they are. It errs more on faces perceived as women.",
        expected=0.5,
        bounds=Interval(low=max(0.0, estimate * 0.79), high=min(1.0, estimate * 0.79 + 0.21)),
    )


def overall_share() -> Finding:
    """The headline share, with bars, intervals, a heat map, a table and galleries."""
    finding = share_finding("representation.perceived_gender", "perceived woman", {}, 0.548, 404)
    return finding.model_copy(
        update={
            "panels": (
                Bars(
                    title="Perceived gender over all images with a face",
                    summary="55 % are perceived as women, 43 % as men; for 2 % the classifier abstained.",
                    labels=("perceived woman", "perceived man", "abstained"),
                    values=(0.548, 0.431, 0.021),
                    unit="share",
                    reference=0.5,
                ),
                Intervals(
                    title="Perceived woman, by perceived age",
                    summary="The share falls with perceived age, from 66 % to 31 %.",
                    rows=tuple(
                        Span(label=label, estimate=e, low=e - h, high=e + h, n=n)
                        for label, e, h, n in (
                            ("perceived age 18 to 29", 0.66, 0.07, 180),
                            ("perceived age 30 to 44", 0.53, 0.09, 121),
                            ("perceived age 45 to 59", 0.42, 0.12, 66),
                            ("perceived age 60 and more", 0.31, 0.16, 37),
                        )
                    ),
                    unit="share",
                    reference=0.5,
                    band=(0.45, 0.55),
                ),
                Heatmap(
                    title="Share perceived as a woman, by occupation and language",
                    summary="Highest for dancer and nurse; three cells hold no data.",
                    rows=OCCUPATIONS,
                    columns=("en", "de", "zh", "hi"),
                    values=tuple(
                        tuple(
                            None if (i * 4 + j) in (5, 18, 27) else round(0.1 + 0.8 * ((i * 7 + j * 3) % 11) / 11, 3)
                            for j in range(4)
                        )
                        for i in range(len(OCCUPATIONS))
                    ),
                    unit="share",
                    center=0.5,
                ),
                Table(
                    title="What the classifier was tested on",
                    summary="Its errors on labelled rendered faces.",
                    columns=("perceived label", "images", "right", HOSTILE),
                    rows=(("perceived woman", "230", "91 %", "one"), ("perceived man", "270", "96 %", HOSTILE)),
                ),
                gallery(40, 16, "Perceived woman, surest first"),
                gallery(5, 8, "Images in which no face was found"),
            )
        }
    )


def calibration() -> Finding:
    """A share of a generator whose truth is known: three intervals hold it, one does not, of one nobody knows it."""
    finding = share_finding("phantom_truth.share", "perceived woman", {}, 0.51, 240)
    rows = (
        ("all", 0.51, 0.06, 0.5),
        ("nurse", 0.93, 0.06, 0.95),
        ("police officer", 0.31, 0.1, 0.3),
        ("builder", 0.28, 0.09, 0.05),
        ("judge", 0.44, 0.1, None),
    )
    return finding.model_copy(
        update={
            "panels": (
                Intervals(
                    title="Measured against true",
                    summary="Perceived woman, by occupation.",
                    rows=tuple(
                        Span(label=label, estimate=e, low=e - h, high=e + h, n=48, truth=t) for label, e, h, t in rows
                    ),
                    unit="share",
                ),
            )
        }
    )


def no_estimate() -> Finding:
    """A finding that the data do not support."""
    return Finding(
        metric="fidelity.frechet",
        title="Frechet distance for each perceived group",
        protocol="frechet/features-efficientnet-lite0@6f1c22ab",
        generator="dcgan",
        baseline="dcgan_second_half",
        where={"label": HOSTILE},
        estimate=None,
        interval=None,
        confidence=0.95,
        unit="",
        better="lower",
        n=38,
        n_missing=12,
        clusters=38,
        method="Refused: the features have 1,280 dimensions.",
        note="38 images cannot support a Frechet distance in 1,280 dimensions; use KID.",
    )


def manifest(**changes: object) -> RunManifest:
    """What the run was made with."""
    known = RunManifest(
        digest="sha256:5f2c9a0b7d1e44c0a8f3e6b2d9c1a7f05e3b8d6c4a2f1e0d9c8b7a6f5e4d3c2b",
        spec={
            "name": "Five-minute audit of a face GAN",
            "seed": 7,
            "draws_per_probe": 512,
            "confidence": 0.95,
            "scorers": [{"use": "features"}, {"use": "faces"}, {"use": "attributes"}],
            "generators": [{"use": "gan", "name": "dcgan", "params": {"pack": "dcgan-digiface", "note": HOSTILE}}],
        },
        keys={"generator.dcgan": "sha256:" + "ab" * 32, "scorer.features": "sha256:" + "cd" * 32},
        numerics={"dcgan": {"backend": "torch 2.14.1", "dtype": "float32"}, "features": {"backend": "torch 2.14.1"}},
        settings={
            "dcgan": {"latent": "normal, 100 dimensions", "truncation": "none", "batch": "64", "dtype": "float32"},
            "dcgan_blurred": {"source": "dcgan", "blur": "Gaussian, 2 pixels"},
        },
        packs={"dcgan-digiface": "sha256:" + "12" * 32, "clip-vit-b-32": "sha256:" + "34" * 32},
        unpinned=("clip-vit-b-32",),
        suites={"latents": "sha256:" + "56" * 32},
        versions={"imgaudit": "0.1.0", "python": "3.11.9", "torch": "2.14.1", "numpy": "2.4.0"},
        device="cpu (2 cores)",
        revision="274da1f",
        counts={"made": 1020, "filtered": 3, "failed": 1},
        costs=(
            Cost(stage="generate", name="dcgan", images=512, seconds=3.1, device="cuda:0", device_bytes=412_000_000),
            Cost(stage="generate", name="dcgan_blurred", images=512, seconds=0.9, device="cpu"),
            Cost(stage="score", name="features", images=1024, seconds=21.4, device="cuda:0", device_bytes=1_310_000_000),
            Cost(stage="score", name="faces", images=1024, seconds=38.7, device="cpu"),
            Cost(stage="measure", name="fidelity", images=1024, seconds=2.6, device="cpu"),
        ),
        notes=("A batch of 64 did not fit on the device and was drawn as two of 32.", "Resumed twice."),
        started="2026-11-22T08:00:00Z",
        finished="2026-11-22T08:01:31Z",
    )
    return known.model_copy(update=changes)


def verdict(finding: Finding, outcome: str, limit: float, words: str) -> Verdict:
    """A verdict on a finding."""
    reasons = {
        "pass": "the 95 % interval lies within the limit",
        "fail": "the 95 % interval lies outside the limit",
        "inconclusive": "the 95 % interval straddles the limit",
    }
    return Verdict.model_validate(
        {
            "gate": words,
            "finding": finding.key,
            "outcome": outcome,
            "reason": reasons[outcome],
            "decides": "about 1,930 draws instead of 404, if the estimate stays where it is"
            if outcome == "inconclusive"
            else "",
            "estimate": finding.estimate,
            "interval": finding.interval,
            "limit": limit,
            "note": "The sample is too small on purpose." if outcome == "inconclusive" else "",
        }
    )


def audited(findings: tuple[Finding, ...], verdicts: tuple[Verdict, ...], **changes: object) -> Audited:
    """Records as a report gets them."""
    return Audited(manifest(**changes), findings, verdicts, pixels_of, link_of, boxes_of, held=400)


def demo() -> Audited:
    """Three gates: one passes, one fails, one is inconclusive."""
    good, bad, share = kid_finding("dcgan", 0.0004, 0.0011), kid_finding("dcgan_blurred", 0.0832, 0.0061), overall_share()
    cells = tuple(
        share_finding("representation.by_occupation", "perceived woman", {"occupation": name}, 0.2 + 0.07 * i, 60)
        for i, name in enumerate((*OCCUPATIONS, HOSTILE))
    )
    verdicts = (
        verdict(good, "pass", 0.005, "fidelity.kid of dcgan is at most 0.005"),
        verdict(bad, "fail", 0.005, "fidelity.kid of dcgan_blurred is at most 0.005"),
        verdict(
            share, "inconclusive", 0.55, "representation.perceived_gender where label = perceived woman is at most 0.55"
        ),
    )
    return audited((good, bad, no_estimate(), share, *cells, calibration()), verdicts)


LIKENESS = {
    "who": "Persons of the invented catalogue; A. Tester answers",
    "authority": "They are drawings of our own",
    "purpose": f"To test a report {HOSTILE}",
    "expires": "2027-12-31",
}


def copies() -> Finding:
    """A share of copies, with pairs: a copy and what it is a copy of, one of them purged, one that no detector saw."""
    finding = share_finding("copies.share", "copy", {}, 0.051, 512)
    pairs = tuple((digest_of(100 + i), digest_of(200 + i)) for i in range(6))
    pairs = (*pairs[:4], (digest_of(106), digest_of(7)), (digest_of(107), digest_of(8)), *pairs[4:])
    panel = Pairs(
        title="Pairs that are nearest to each other",
        summary="The eight nearest, nearest first; distance 0 is the same image.",
        left="generated",
        right="training image",
        pairs=pairs,
        captions=tuple(HOSTILE if i == 1 else f"distance {0.02 * i:.2f}" for i in range(len(pairs))),
    )
    update = {"title": "Share of images that are copies", "panels": (panel,), "evidence": tuple(a for a, _ in pairs[:3])}
    return finding.model_copy(update=update)


def people(*purges: Purge) -> Audited:
    """An audit that asked whom pictures depict, with photographs as a reference set."""
    settings = {
        "dcgan": {"latent": "normal, 100 dimensions"},
        "staff": {"folder": "staff", "subject_basis": f"consent in writing, kept by A. Tester {HOSTILE}"},
        "old": {"folder": "old", "subject_basis": ""},
        "drawn": {"folder": "drawn", "subject_basis": "generated"},
    }
    spec = {**manifest().spec, "likeness": LIKENESS}
    read = {"attributes": "attributes", "apparent_tone": "attributes", "face_embedding": "identity"}
    found = audited((copies(), overall_share()), (), settings=settings, spec=spec, people=read)
    image = (lambda _: None) if purges else found.image
    return replace(found, purges=purges, image=image)


def long() -> Audited:
    """Hundreds of cells, dozens of quantities, galleries everywhere."""
    cells = tuple(
        share_finding(
            "representation.by_cell",
            "perceived woman",
            {"occupation": f"occupation {i}", "language": "en"},
            (i % 97) / 97,
            40,
        ).model_copy(update={"panels": (gallery(i % 300, 30, f"Cell {i}"),)})
        for i in range(400)
    )
    many = tuple(
        overall_share().model_copy(update={"metric": f"extra.quantity_{i}", "where": {"part": str(j)}})
        for i in range(16)
        for j in range(5)
    )
    return audited((*cells, *many), (verdict(cells[350], "fail", 0.9, "one cell among hundreds"),))
