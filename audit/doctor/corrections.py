"""A planted share, read by a classifier with a planted confusion: what each correction must recover."""

import numpy as np
import numpy.typing as npt
from scipy import stats

from audit.doctor.trial import Trial
from audit.stats import confusion, misclassified, posteriors, prediction_powered

__all__ = ["TRIALS"]

LABELS = np.array([1, 0, 1, 1, 0, 0, 1, 0, 1, 1], dtype=np.float64)
READ = np.array([1, 0, 1, 0, 0, 1, 1, 0, 1, 1], dtype=np.float64)
UNLABELLED = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1], dtype=np.float64)
CONFUSED = np.array([[0.8, 0.1, 0.05], [0.15, 0.85, 0.05], [0.05, 0.05, 0.9]])
"""P(read j | true k)."""
POSTERIORS = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.55, 0.45]])
RARELY = 1e-4
"""Chance with which a right instrument would fail one of the planted checks, were its seed not fixed."""


def fewest(audits: int, coverage: float) -> float:
    """Share of audits that an interval of this coverage contains the truth in, at least, but for bad luck."""
    return float(stats.binom.ppf(RARELY, audits, coverage)) / audits


def _lang_reiczigel() -> float:
    """Coverage over 4,000 audits: share .1, 1,000 images, read with 90 % both ways, 50 calibration images a side."""
    rng, audits = np.random.default_rng(1), 4000
    hits, right = rng.binomial(50, 0.9, (2, audits))
    read = rng.binomial(1000, 0.1 * 0.9 + 0.9 * 0.1, audits)
    counts = misclassified.CalibrationCounts(hits, np.full(audits, 50), right, np.full(audits, 50))
    found = misclassified.lang_reiczigel(read, np.full(audits, 1000), counts)
    return float(np.mean((found.low <= 0.1) & (found.high >= 0.1)))


def _matrix() -> tuple[float, ...]:
    """Coverage of the three shares, and their means, over 60 audits of 20 prompts, 100 calibration images a label."""
    rng, truth, inside, shares = np.random.default_rng(2), np.array([0.5, 0.3, 0.2]), [], []
    for _ in range(60):
        calibration = np.stack([rng.multinomial(100, column) for column in CONFUSED.T], axis=1).astype(np.float64)
        counts = rng.multinomial(30, CONFUSED @ truth, size=20).astype(np.float64)
        found = confusion.matrix_prevalence(counts, calibration, rng, resamples=400)
        assert found.intervals is not None
        inside.append((found.intervals[:, 0] <= truth) & (truth <= found.intervals[:, 1]))
        shares.append(found.shares)
    return float(np.mean(inside)), *np.mean(shares, axis=0)


def _audits_with_labels(audits: int) -> list[tuple[prediction_powered.LabelledSubset, float]]:
    """Audits of 40 prompts and 2,000 images, half of the prompts read worse; 200 labels each, and the planted share."""
    rng, clusters = np.random.default_rng(3), np.arange(2000) // 50
    hard = clusters % 2 == 0
    made = []
    for _ in range(audits):
        seen = rng.random(2000) < 0.3
        says = np.where(hard, np.where(seen, 0.8, 0.02), np.where(seen, 0.97, 0.1))
        read = (rng.random(2000) < says).astype(np.float64)
        drawn = np.sort(rng.choice(2000, 200, replace=False))
        subset = prediction_powered.LabelledSubset(read, clusters, drawn, seen[drawn].astype(np.float64))
        made.append((subset, 0.3))
    return made


def _powered() -> tuple[float, float, float]:
    """Coverage, mean error and mean width of the prediction-powered share over 300 audits."""
    planted = _audits_with_labels(300)
    found = [prediction_powered.prediction_powered_share(subset) for subset, _ in planted]
    ends = np.array([one.interval for one in found], dtype=np.float64)
    truth = np.array([share for _, share in planted])
    inside = float(np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])))
    error = float(np.mean([one.value for one in found] - truth))
    return inside, error, float((ends[:, 1] - ends[:, 0]).mean())


def _pseudo() -> float:
    """Mean of the pseudo-values less the prediction-powered share."""
    ((subset, _),) = _audits_with_labels(1)
    values = prediction_powered.pseudo_values(subset)
    return float(values.mean()) - prediction_powered.prediction_powered_share(subset).value


def _ppi(power: float | None) -> npt.NDArray[np.float64]:
    return np.array(prediction_powered.ppi_mean(LABELS, READ, UNLABELLED, power=power).interval)


def _matrix_trial() -> Trial:
    what = "shares .5, .3, .2 behind a planted confusion, 60 audits: coverage, mean shares"
    least, most = (0.88, 0.49, 0.29, 0.19), (1.0, 0.51, 0.31, 0.21)
    return Trial("matrix_prevalence", what, _matrix, least, most, "at least .88, the shares within .01")


def _powered_trial() -> Trial:
    what = "share .3 read with errors that depend on the prompt, 300 audits with 200 labels: coverage, mean error, width"
    least, most = (fewest(300, 0.935), -0.01, 0.08), (1.0, 0.01, 0.105)
    expected = f"at least {least[0]:.3f}, 0 within .01, .08 to .105"
    return Trial("prediction_powered_share", what, _powered, least, most, expected)


TRIALS: tuple[Trial, ...] = (
    # Teo et al. 2023, CLEAM: StyleGAN2, gender, ResNet-18; published .638, here to the digits of their own accuracies
    Trial.equal(
        "rogan_gladen",
        "CLEAM's figures of a face generator (Teo et al. 2023)",
        lambda: misclassified.rogan_gladen(0.61, 0.9471627486437613, 0.9829294755877035),
        0.6374953581378892,
    ),
    # (.1 + .95 - 1) / (.9 + .95 - 1)
    Trial.equal("rogan_gladen", "10 % read, 90 and 95 % right", lambda: misclassified.rogan_gladen(0.1, 0.9, 0.95), 1 / 17),
    # by simulation of 4,000 audits with another implementation: .954; with the calibration taken as exact: .43
    Trial.between(
        "lang_reiczigel", "share .1 read with 90 % both ways, 4,000 audits: coverage", _lang_reiczigel, 0.94, 0.97
    ),
    Trial.equal(
        "solve_on_simplex",
        "three labels behind a planted confusion",
        lambda: confusion.solve_on_simplex(CONFUSED, np.array([0.44, 0.34, 0.22])),
        (0.5, 0.3, 0.2),
    ),
    _matrix_trial(),
    # quapy 0.2.3, EMQ
    Trial.equal(
        "label_shift",
        "six calibrated readings (quapy)",
        lambda: posteriors.label_shift(POSTERIORS, np.array([0.5, 0.5])).shares,
        (0.73482959, 0.26517041),
        8,
    ),
    # ppi-python 0.2.3, ppi_mean_ci
    Trial.equal("ppi_mean", "predictions trusted (ppi-python)", lambda: _ppi(1.0), (0.24939098, 0.95060902), 8),
    Trial.equal("ppi_mean", "labels alone (ppi-python)", lambda: _ppi(0.0), (0.29636369, 0.90363631), 8),
    Trial.equal("ppi_mean", "tuned (ppi-python)", lambda: _ppi(None), (0.33297258, 0.86702742), 8),
    _powered_trial(),
    Trial.equal("pseudo_values", "their mean is the prediction-powered share", _pseudo, 0.0),
)
