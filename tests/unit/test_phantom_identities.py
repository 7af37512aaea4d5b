"""The forty fictitious people: balanced, distinct, and the same in every picture of them."""

from collections import Counter

import numpy as np

from generators.phantom.identities import IDENTITIES
from generators.phantom.portrait import PRESENTATIONS, TONES, Portrait
from generators.phantom.sampling import sample
from generators.phantom.truth import preset


def test_identities_are_balanced_distinct_and_drawn_by_name_where_they_are_known() -> None:
    assert len(IDENTITIES) == 40
    words = [word for identity in IDENTITIES for word in identity.name.lower().split()]
    assert len(set(words)) == len(words) == 80
    cells = Counter((identity.presentation, identity.tone) for identity in IDENTITIES)
    assert cells == {(presentation, tone): 2 for presentation in PRESENTATIONS for tone in TONES}
    table, rng = preset("regressed"), np.random.default_rng(8)
    for index in table.defects.named_identities:
        person = IDENTITIES[index]
        pictures = [sample(table, rng, {"identity": index, "people": 1}).asked for _ in range(20)]
        for picture in pictures:
            assert picture.identity == index
            assert (picture.face, picture.cues, picture.tone) == (person.face, person.cues, person.tone)
        assert len({picture.variation for picture in pictures}) == 20
    strangers = [sample(preset("even"), rng, {"identity": 4, "people": 1}).asked for _ in range(20)]
    assert all(stranger.identity is None for stranger in strangers)
    assert len({stranger.face for stranger in strangers}) == 20


def test_every_identity_makes_a_portrait() -> None:
    for index, who in enumerate(IDENTITIES):
        features = {name: getattr(who, name) for name in who.attributes}
        assert Portrait(**features, cues=who.cues, face=who.face, identity=index).tone == who.tone
