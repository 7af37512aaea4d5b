"""``phantom_identity``: features that pictures have in common, from what the oracle read."""

import numpy as np
import pytest
from scorer_views import noise, reason, scored, view

from audit.component import Row
from audit.errors import ScoringError, SpecError
from audit.records import Abstained, Scored
from generators.phantom.decoding import NOBODY
from generators.phantom.identities import IDENTITIES
from generators.phantom.identity_features import FEATURES, PhantomIdentity
from generators.phantom.oracle import PhantomOracle
from generators.phantom.render import render
from generators.phantom.sampling import sample
from generators.phantom.truth import preset

KEPT = ("presentation", "age", "tone", "hair", "glasses")
READ = dict(zip(FEATURES, ("feminine", "young", "3", "curly", "no"), strict=True))


def seen(**changes: object) -> Row:
    values = {name: Scored(value=str(level), confidence=0.9) for name, level in (READ | changes).items()}
    return Row({**values, **{name: level for name, level in changes.items() if isinstance(level, Abstained)}})


def vector(row: Row) -> np.ndarray:
    found = scored(PhantomIdentity(), [view(noise(64), given={"phantom_oracle": [row]})])[0][0].values["vector"]
    assert isinstance(found, np.ndarray), found
    return found


@pytest.mark.parametrize(
    ("changes", "share"),
    [
        ({}, 1.0),
        ({"hair": "straight"}, 4 / 5),
        ({"hair": "straight", "monk_tone": "4", "glasses": "yes"}, 2 / 5),
        ({"monk_tone": Abstained(reason="ambiguous")}, 4 / np.sqrt(4 * 5)),
    ],
)
def test_the_cosine_is_the_share_of_features_in_common(changes: dict, share: float) -> None:
    one, other = vector(seen()), vector(seen(**changes))
    assert np.linalg.norm(one) == pytest.approx(1)
    assert np.linalg.norm(other) == pytest.approx(1)
    assert one @ other == pytest.approx(share, abs=1e-6)


def test_without_a_person_there_is_the_reason_of_the_oracle() -> None:
    for why in (NOBODY, Abstained(reason="the picture is broken")):
        row = Row(dict.fromkeys(READ, why))
        found = scored(PhantomIdentity(), [view(noise(64), given={"phantom_oracle": [row]})])
        assert reason(found[0][0].values["vector"]) == why.reason
    ambiguous = Row(dict.fromkeys(READ, Abstained(reason="ambiguous")))
    found = scored(PhantomIdentity(), [view(noise(64), given={"phantom_oracle": [ambiguous]})])
    assert reason(found[0][0].values["vector"]) == "no feature of a person was read"


def test_pictures_of_an_identity_have_its_features_and_strangers_share_some() -> None:
    """Renders of two identities, read by the oracle, against what the list of identities says of them."""
    table, pictures = preset("regressed"), []
    for index in (4, 17):
        for number in range(4):
            portrait = sample(table, np.random.default_rng(number), {"identity": index, "people": 1}).shown
            pictures.append(view(render(portrait, 64).pixels))
    rows = scored(PhantomOracle(), pictures)
    vectors = np.array([vector(of_image[0]) for of_image in rows])
    alike = vectors @ vectors.T
    assert alike[:4, :4].min() > 0.8
    assert alike[4:, 4:].min() > 0.8
    first, second = (IDENTITIES[index].attributes for index in (4, 17))
    common = np.mean([first[name] == second[name] for name in KEPT])
    assert alike[:4, 4:].mean() == pytest.approx(common, abs=0.1)


def test_it_tells_persons_apart_and_is_kept_in_memory() -> None:
    assert PhantomIdentity.recognises_people
    assert PhantomIdentity.in_memory
    assert PhantomIdentity(oracle="other").requires() == ("other",)
    oracle = {f"phantom_oracle.{column.name}": column for column in PhantomOracle().columns()}
    PhantomIdentity().check_required(oracle)
    with pytest.raises(SpecError, match="oracle: 'phantom_oracle' fills no column 'hair'"):
        PhantomIdentity().check_required({name: c for name, c in oracle.items() if not name.endswith(".hair")})
    with pytest.raises(ScoringError, match="no rows of scorer 'phantom_oracle'"):
        scored(PhantomIdentity(), [view(noise(64))])
