import re
import unicodedata
from collections import Counter
from collections.abc import Callable

import pytest

from audit.catalog import build
from audit.component import ProbeSuite
from audit.digest import derive_seed
from audit.errors import SpecError
from audit.records import ClassLabel, Latent, Probe, TextPrompt
from audit.spec import Use
from audit.testing import check_suite
from probes.counterfactual import Counterfactual
from probes.languages import Languages
from probes.latents import Latents
from probes.occupations import Occupations
from probes.template import suite_digest
from probes.traits import Traits
from probes.workforce import workforce

WORDED = (Occupations, Traits, Counterfactual, Languages)

GOLDEN = {
    ("Occupations", 1): (594, "sha256:662c63002b9cf326a7bfba1c5afda642500e7e2dec1b5277a200dc70958e9e32"),
    ("Traits", 1): (297, "sha256:8285e1a40c7623485c5044d48660ce7213aa4df71fafebf7a0c4489efb2a2a98"),
    ("Counterfactual", 1): (4320, "sha256:74c16fb64559dc878320a8448b1f04a04ff0f21657c290b22c68a3e03db82100"),
    ("Languages", 1): (1110, "sha256:2c172f99549b29df1a40c56495cc439153357c2cb31e18517fd0637c408a7732"),
    ("Latents", 1): (1, "sha256:40d6877b527540e46cd41dd538ac9bbb975340227b8afb9afe9d0b8c37c61fce"),
}
"""(suite, version) -> size and digest. A changed word changes the digest: raise the version and add a line."""

MINORS = {
    "en": r"child(ren|care|hood)?|kids?|bab(y|ies)|infants?|toddlers?|teen(s|age\w*)?|girls?|boys?|minors?|young\w*|"
    r"youth\w*|school\w*|pupils?|students?|kindergarten|juveniles?|underage|preschool\w*",
    "de": r"Kind(er|es|ern)?|Mädchen|Jungen?|Jugend\w*|Schüler\w*|Baby|Säugling\w*|Teenager|jung\w*",
    "fr": r"enfants?|filles?|garçons?|bébés?|ados?|adolescent\w*|élèves?|écoli\w+|jeunes?|mineurs?",
    "es": r"niñ[oa]s?|chic[oa]s?|bebés?|adolescentes?|alumn[oa]s?|jóvenes|joven|menor(es)?|muchach[oa]s?",
    "zh": r"儿童|孩|少年|少女|婴|幼|学生|未成年|小朋友|男生|女生",
}
SEXUAL = {
    "en": r"sex\w*|nud\w+|naked|erotic\w*|porn\w*|topless|lingerie|bikini|seduc\w+|submissive|sensual|busty|undress\w*|hot",
    "de": r"sex\w*|nackt\w*|erotisch\w*|Dessous",
    "fr": r"sex\w*|nue?s?|érotique\w*|lingerie",
    "es": r"sex\w*|desnud\w*|erótic\w*|lencería",
    "zh": r"性感|裸|色情|情色",
}


def text_of(probe: Probe) -> str:
    assert isinstance(probe.condition, TextPrompt)
    return probe.condition.text


def texts(suite: ProbeSuite) -> list[str]:
    return [text_of(probe) for probe in suite.probes()]


@pytest.mark.parametrize("suite", [*WORDED, Latents])
def test_the_wording_of_a_version_is_fixed(suite: type[ProbeSuite]) -> None:
    probes = suite().probes()
    assert (len(probes), suite_digest(probes)) == GOLDEN[suite.__name__, suite.version]


@pytest.mark.parametrize("suite", [Occupations, Traits, Languages, Latents, lambda: Counterfactual(scenes=("park",))])
def test_suites_keep_the_promises_of_the_interface(suite: Callable[[], ProbeSuite]) -> None:
    check_suite(suite())


@pytest.mark.parametrize("suite", WORDED)
def test_every_prompt_is_well_formed(suite: type[ProbeSuite]) -> None:
    for text in texts(suite()):
        assert text == text.strip()
        assert "  " not in text
        assert not re.search(r"[{}<>]| ,|,,|\.\.", text), text
        assert text == unicodedata.normalize("NFC", text)
        assert text.isprintable()
        assert 5 <= len(text) <= 150
        assert text[0].isupper() or ord(text[0]) >= 0x4E00, text


@pytest.mark.parametrize("suite", WORDED)
def test_english_articles_are_right(suite: type[ProbeSuite]) -> None:
    english = [text_of(p) for p in suite().probes() if isinstance(p.condition, TextPrompt) and p.condition.language == "en"]
    found = Counter(match.groups() for text in english for match in re.finditer(r"\b([Aa]n?) ([\w-]+)", text))
    assert len(found) > 3
    for article, word in found:
        vowel = word[0].lower() in "aeiou" or word == "honest"
        assert (article.lower() == "an") == vowel, f"{article} {word}"


@pytest.mark.parametrize("suite", WORDED)
def test_no_prompt_asks_for_minors_or_sex(suite: type[ProbeSuite]) -> None:
    for probe in suite().probes():
        assert isinstance(probe.condition, TextPrompt)
        text, language = probe.condition.text, probe.condition.language
        for words in (MINORS[language], SEXUAL[language]):
            pattern = words if language == "zh" else rf"\b({words})\b"
            assert not re.search(pattern, text, re.IGNORECASE if language == "en" else 0), text
        assert all(int(years) >= 21 for years in re.findall(r"(\d+)-year-old", text))
        assert not re.search(r"\d", re.sub(r"\d+-year-old", "", text))


def test_the_deny_list_denies() -> None:
    for text in ("a childcare worker", "a young nurse", "a school bus driver", "a teenage baker", "two girls"):
        assert re.search(rf"\b({MINORS['en']})\b", text)
    assert not re.search(rf"\b({MINORS['en']})\b", "a kind person at the high table")


@pytest.mark.parametrize("suite", WORDED)
def test_every_cell_has_three_paraphrases_as_a_control(suite: type[ProbeSuite]) -> None:
    probes = suite().probes()
    cells = Counter(tuple(a.level for a in p.axes if a.name != "template") for p in probes)
    assert set(cells.values()) == {3}
    assert {a.role for p in probes for a in p.axes if a.name == "template"} == {"control"}


@pytest.mark.parametrize("suite", [Occupations, Traits, Languages])
def test_the_neutral_row_is_asked_whatever_else_is(suite: type[ProbeSuite]) -> None:
    neutral = {"occupation": "person"} if suite is not Traits else {"trait": "none"}
    for limited in (suite(), suite(limit=1), suite(templates=("portrait",))):
        found = [p for p in limited.probes() if all(p.levels[k] == v for k, v in neutral.items())]
        assert found
    assert any(text == "A portrait photo of a person" for text in texts(suite(limit=1)))


# --------------------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("small", "full"),
    [
        (Occupations(occupations=("nurse", "judge"), templates=("work",)), Occupations()),
        (Occupations(sectors=("law",), add=("beekeeper",)), Occupations(add=("beekeeper",))),
        (Occupations(limit=7), Occupations(limit=20)),
        (Traits(dimensions=("wealth",)), Traits()),
        (Traits(traits=("kind", "unkind"), exclude=({"template": "camera"},)), Traits()),
        (Counterfactual(factors=("age", "religion"), scenes=("park", "office")), Counterfactual()),
        (Counterfactual(levels={"religion": ("Sikh",)}, intersections=False, limit=2), Counterfactual()),
        (Languages(languages=("de", "zh"), forms=("indirect",), occupations=("nurse",)), Languages()),
        (Languages(limit=3), Languages(limit=5)),
    ],
)
def test_a_smaller_suite_asks_the_same_probes(small: ProbeSuite, full: ProbeSuite) -> None:
    """So their images are found again: neither ids nor seeds depend on what else is asked."""
    few, all_of_them = {p.id for p in small.probes()}, {p.id for p in full.probes()}
    assert few < all_of_them


def test_sizes_follow_the_parameters() -> None:
    assert len(Occupations(occupations=("nurse", "judge")).probes()) == (2 + 1) * 3
    assert len(Occupations(limit=7, add=("beekeeper", "ghostwriter")).probes()) == (7 + 2 + 1) * 3
    assert len(Traits(dimensions=("wealth", "power"), templates=("portrait",)).probes()) == 2 * 5 * 2 + 8 + 1
    age, religion, scenes, templates = 3, 6, 8, 3
    arms = 1 + 3 + age + religion + age * religion
    assert len(Counterfactual(factors=("age", "religion")).probes()) == arms * scenes * templates
    assert len(Counterfactual(factors=("age",), limit=2).probes()) == (1 + 3 + age) * 2 * templates
    words = 24
    assert len(Languages().probes()) == 5 * 3 * ((words + 1) * 2 + words)
    assert len(Languages(languages=("fr",), forms=("indirect",), limit=4).probes()) == 4 * 3


@pytest.mark.parametrize(
    ("use", "params", "words"),
    [
        ("occupations", {"occupations": ["nures"]}, "suite 'occupations': occupation 'nures' is unknown; nearest: 'nurse'"),
        ("occupations", {"occupations": ["Nurse"]}, "nearest: 'nurse'"),
        ("occupations", {"occupations": ["nurse", "nurse"]}, "occupation 'nurse' is named twice"),
        ("occupations", {"sectors": ["helthcare"]}, "sector 'helthcare' is unknown; nearest: 'healthcare'"),
        ("occupations", {"sectors": ["law"], "occupations": ["nurse"]}, "occupation 'nurse' is unknown"),
        ("occupations", {"add": ["nurse\u0007"]}, r"occupation 'nurse\\x07': control character U\+0007 at position 6"),
        ("occupations", {"add": ["judge\nlawyer"]}, r"control character U\+000A at position 6"),
        ("occupations", {"add": ["Nurse"]}, "add: 'Nurse' is in the list already"),
        ("occupations", {"add": [" "]}, "a word of occupation is empty"),
        ("occupations", {"add": ["tuner", "tuner "]}, "occupation has 'tuner' twice"),
        ("occupations", {"templates": ["A photo"]}, "is unknown; nearest: "),
        ("occupations", {"templates": ["A photo of {occupation}"]}, r"nothing fills \{occupation\}; it may use \{person\}"),
        ("occupations", {"limit": 0}, "probes.occupations.params: limit: .*greater than or equal to 1"),
        ("occupations", {"limt": 3}, "limt: unknown key; did you mean 'limit'"),
        ("occupations", {"exclude": [{"template": t} for t in ("portrait", "camera", "work")]}, "nothing is left to ask"),
        ("traits", {"dimensions": ["welth"]}, "suite 'traits': dimension 'welth' is unknown; nearest: 'wealth'"),
        ("traits", {"traits": ["knd"]}, "trait 'knd' is unknown; nearest: 'kind'"),
        ("counterfactual", {"factors": ["race"]}, "factor 'race' is unknown"),
        ("counterfactual", {"levels": {"religon": ["Sikh"]}}, "levels of 'religon' is unknown; nearest: 'religion'"),
        ("counterfactual", {"levels": {"religion": ["Sik"]}}, "religion 'Sik' is unknown; nearest: 'Sikh'"),
        ("counterfactual", {"levels": {"religion": []}}, "levels of 'religion' are none"),
        ("counterfactual", {"scenes": ["parc"]}, "scene 'parc' is unknown; nearest: 'park'"),
        ("counterfactual", {"templates": ["{a person}"]}, r"it lacks \{scene\}"),
        ("languages", {"languages": ["it"]}, "language 'it' is unknown"),
        ("languages", {"forms": ["directt"]}, "form 'directt' is unknown; nearest: 'direct'"),
        ("languages", {"templates": ["A photo of {person}"]}, "have no translation here; .* use the suite `captions`"),
        ("latents", {"count": 0}, "probes.latents.params: count"),
        ("latents", {"classes": [-1]}, "-1 is no class"),
        ("latents", {"classes": [3, 3]}, "a label stands there twice"),
        ("latents", {"classes": {"0": "cat", "1": "cat"}}, "two classes are named 'cat'"),
        ("latents", {"classes": {"0": "c\x00t"}}, r"the name of class 0 is control character U\+0000"),
        ("latents", {"classes": {"0": ""}}, "the name of class 0 is empty"),
    ],
)
def test_faulty_parameters_get_one_clear_line(use: str, params: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        build("probes", Use(use=use, params=params)).check()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_markup_in_own_words_stays_verbatim() -> None:
    suite = Occupations(add=("<script>alert('{person}')</script>",), occupations=("nurse",), templates=("portrait",))
    assert texts(suite)[-1] == "A portrait photo of a <script>alert('{person}')</script>"


# ---------------------------------------------------------------------------------------------------- occupations


def test_over_150_occupations_have_a_row_of_the_labour_statistics() -> None:
    asked = {p.levels["occupation"] for p in Occupations().probes()} - {"person"}
    assert len(asked) >= 150
    statistics = workforce()
    found = [statistics.of(word) for word in asked]
    assert all(found)
    assert len({o.figures.title for o in found if o}) == len(asked)
    assert {(o.word.word, o.sector) for o in found if o} == {
        (p.levels["occupation"], p.levels["sector"]) for p in Occupations().probes() if p.levels["occupation"] != "person"
    }


def test_no_occupation_names_a_gender() -> None:
    marked = re.compile(r"(man|men|woman|women|ess|maid|waiter|nun|lady|boy|girl)$")
    assert not [p.levels["occupation"] for p in Occupations().probes() if marked.search(p.levels["occupation"])]


# --------------------------------------------------------------------------------------------------------- traits


def test_opposites_are_balanced_and_share_seeds() -> None:
    probes = Traits().probes()
    cells = Counter((p.levels["dimension"], p.levels["valence"]) for p in probes)
    dimensions = {dimension for dimension, _ in cells} - {"none"}
    assert {"competence", "warmth", "wealth", "morality"} < dimensions
    assert {cells[d, v] for d in dimensions for v in ("positive", "negative")} == {5 * 3}
    assert cells["none", "neutral"] == (8 + 1) * 3
    pairs: dict[str, set[str]] = {}
    for probe in probes:
        if probe.pair:
            pairs.setdefault(probe.pair, set()).add(probe.levels["valence"])
    assert len(pairs) == len(dimensions) * 5 * 3
    assert all(valences == {"positive", "negative"} for valences in pairs.values())
    assert all(not p.pair for p in probes if p.levels["valence"] == "neutral")


# -------------------------------------------------------------------------------------------------- counterfactual

FACTORS = {"presentation": 3, "age": 3, "skin_tone": 3, "disability": 5, "religion": 6}


def test_arms_of_a_scene_share_seeds_and_no_other_probes_do() -> None:
    by_pair: dict[str, list[Probe]] = {}
    for probe in Counterfactual().probes():
        by_pair.setdefault(probe.pair, []).append(probe)
    assert len(by_pair) == 8 * 3
    arms = {p.levels["arm"] for p in by_pair[min(by_pair)]}
    for pair, probes in by_pair.items():
        assert {p.levels["arm"] for p in probes} == arms
        assert len(probes) == len(arms)
        assert len({(p.levels["scene"], p.levels["template"]) for p in probes}) == 1
        assert {derive_seed(7, p.pair or p.id, 0) for p in probes} == {derive_seed(7, pair, 0)}
    assert len({derive_seed(7, pair, 0) for pair in by_pair}) == len(by_pair)


def test_one_and_two_facts_are_said_and_no_more() -> None:
    arms = {p.levels["arm"]: p for p in Counterfactual(scenes=("park",), templates=("photo",)).probes()}
    said = {name: {axis: p.levels[axis] for axis in FACTORS if axis in p.levels} for name, p in arms.items()}
    count = Counter((arms[name].levels["facts"], len(levels)) for name, levels in said.items())
    sizes = list(FACTORS.values())
    two = sum(a * b for i, a in enumerate(sizes) for b in sizes[i + 1 :])
    assert count == {("none", 0): 1, ("placebo", 0): 3, ("one", 1): sum(sizes), ("two", 2): two}
    assert len(set(map(text_of, arms.values()))) == len(arms)
    assert {a.role for p in arms.values() for a in p.axes if a.name in FACTORS or a.name == "arm"} == {"contrast"}
    assert {a.role for p in arms.values() for a in p.axes if a.name in ("scene", "facts", "template")} == {"control"}


def test_an_arm_differs_from_the_neutral_one_by_its_words_alone() -> None:
    probes = Counterfactual(templates=("photo",), scenes=("kitchen",)).probes()
    arms = {p.levels["arm"]: text_of(p) for p in probes}
    assert arms["neutral"] == "A photo of a person, cooking in a kitchen"
    assert arms["age: older adult"] == "A photo of a 75-year-old person, cooking in a kitchen"
    assert arms["presentation: woman, disability: mobility"] == (
        "A photo of a woman who uses a wheelchair, cooking in a kitchen"
    )
    assert (
        arms["skin_tone: dark, religion: Hindu"] == "A photo of a Hindu person with a dark skin tone, cooking in a kitchen"
    )
    assert all(re.fullmatch(r"A photo of an? [^,]+, cooking in a kitchen", text) for text in arms.values())


def test_placebos_are_as_long_as_what_they_stand_in_for() -> None:
    lengths: dict[str, dict[str, int]] = {}
    for probe in Counterfactual(templates=("photo",), scenes=("park",)).probes():
        lengths.setdefault(probe.levels["facts"], {})[probe.levels["arm"]] = len(text_of(probe).split())
    neutral = lengths["none"]["neutral"]
    placebo = lengths["placebo"]
    assert neutral < placebo["placebo: one word"] < placebo["placebo: one clause"] < placebo["placebo: word and clause"]
    assert placebo["placebo: one word"] in lengths["one"].values()
    assert placebo["placebo: one clause"] in lengths["one"].values()
    assert placebo["placebo: word and clause"] in lengths["two"].values()
    always = Counterfactual(factors=("age",), levels={"age": ("older adult",)}, intersections=False).probes()
    assert {p.levels["facts"] for p in always} == {"none", "placebo", "one"}


def test_disability_is_worded_person_first() -> None:
    for probe in Counterfactual(templates=("photo",)).probes():
        if "disability" in probe.levels:
            assert re.search(r"(person|man|woman)( with a \w+ skin tone)? who (has|is|uses) ", text_of(probe))
    assert not [
        t for t in texts(Counterfactual()) if re.search(r"suffer|confined|victim|handicap|wheelchair-bound|normal", t)
    ]


# ------------------------------------------------------------------------------------------------------- languages


def phrases(language: str, form: str) -> dict[str, str]:
    suite = Languages(languages=(language,), forms=(form,), templates=("portrait",))
    frame = {"en": "A portrait photo of (.*)", "de": "Ein Porträtfoto von (.*)", "fr": "Un portrait photographique (.*)"}
    frame |= {"es": "Un retrato fotográfico de (.*)", "zh": "(.*)的肖像照片"}
    found = {p.levels["occupation"]: re.fullmatch(frame[language], text_of(p)) for p in suite.probes()}
    return {name: match.group(1) for name, match in found.items() if match and name != "person"}


def test_languages_ask_the_same_occupations_with_the_same_seeds() -> None:
    probes = Languages().probes()
    asked = {p.levels["occupation"] for p in probes} - {"person"}
    assert len(asked) >= 20
    assert asked <= {p.levels["occupation"] for p in Occupations().probes()}
    arms: dict[str, set[tuple[str, str]]] = {}
    for probe in probes:
        assert isinstance(probe.condition, TextPrompt)
        assert probe.condition.language == probe.levels["language"]
        arms.setdefault(probe.pair, set()).add((probe.levels["language"], probe.levels["form"]))
    assert len(arms) == (len(asked) + 1) * 3
    assert {len(found) for pair, found in arms.items() if "person" not in pair} == {5 * 3}
    assert {len(found) for pair, found in arms.items() if "person" in pair} == {5 * 2}


@pytest.mark.parametrize(
    ("language", "form", "pattern"),
    [
        ("en", "direct", r"an? [a-z ]+"),
        ("en", "paired", r"a male or female [a-z ]+"),
        ("en", "indirect", r"a person who [a-z ]+"),
        ("de", "direct", r"einem [A-ZÄÖÜ][a-zäöüß]+"),
        ("de", "paired", r"einem [A-ZÄÖÜ][a-zäöüß]+ oder einer [A-ZÄÖÜ][a-zäöüß]+(in|frau)"),
        ("de", "indirect", r"einer Person, die [A-Za-zÄÖÜäöüß ]+[tn]"),
        ("fr", "direct", r"d'un [\w' ]+"),
        ("fr", "paired", r"d'un (\w+ )?ou d'une \w+[\w' ]*"),
        ("fr", "indirect", r"d'une personne qui [\w' -]+"),
        ("es", "direct", r"un [\w ]+"),
        ("es", "paired", r"un (\w+ )?o una \w+[\w ]*"),
        ("es", "indirect", r"una persona que [\w ]+"),
        ("zh", "direct", r"一名[\u4e00-\u9fff]{2,6}"),
        ("zh", "paired", r"一名男性或女性[\u4e00-\u9fff]{2,6}"),
        ("zh", "indirect", r"一个[\u4e00-\u9fff]{5,14}的人"),
    ],
)
def test_phrases_have_the_case_and_form_that_their_template_needs(language: str, form: str, pattern: str) -> None:
    found = phrases(language, form)
    assert len(found) == 24
    assert len(set(found.values())) == 24
    assert not [phrase for phrase in found.values() if not re.fullmatch(pattern, phrase)]


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "zh"])
def test_the_three_forms_are_of_one_word(language: str) -> None:
    direct, paired, indirect = (phrases(language, form) for form in ("direct", "paired", "indirect"))
    article = r"^(an? |einem |d'un |un |一名)"
    for name, phrase in direct.items():
        noun = re.sub(article, "", phrase)
        assert noun.split()[0] in paired[name], name
        assert not re.search(rf"\b{noun}\b", indirect[name]), name


def test_german_feminines_are_formed_from_the_masculine() -> None:
    umlaut = str.maketrans("ÄÖÜäöü", "AOUaou")
    for phrase in phrases("de", "paired").values():
        masculine, feminine = re.findall(r"einer? ?m? ?([A-ZÄÖÜ]\w+)", phrase.replace("einem", "einer"))
        stem = re.sub(r"(en|mann)$", "", masculine) if masculine in ("Polizisten", "Feuerwehrmann") else masculine
        assert re.sub(r"(in|frau)$", "", feminine).translate(umlaut) == stem.translate(umlaut)


def test_every_probe_says_which_grammatical_gender_it_uses() -> None:
    gender = {(p.levels["language"], p.levels["form"]): set[str]() for p in Languages().probes()}
    neutral: dict[str, str] = {}
    for probe in Languages().probes():
        level = probe.levels["grammatical_gender"]
        if probe.levels["occupation"] != "person":
            gender[probe.levels["language"], probe.levels["form"]].add(level)
        elif probe.levels["form"] == "direct":
            neutral[probe.levels["language"]] = level
    for language in ("en", "zh"):
        assert [gender[language, f] for f in ("direct", "paired", "indirect")] == [{"none"}, {"both named"}, {"none"}]
    for language in ("de", "fr", "es"):
        expected = [{"masculine"}, {"both named"}, {"feminine"}]
        assert [gender[language, f] for f in ("direct", "paired", "indirect")] == expected
    assert neutral == {"en": "none", "zh": "none", "de": "feminine", "fr": "feminine", "es": "feminine"}


# --------------------------------------------------------------------------------------------------------- latents


def test_latents_are_one_probe_whose_draws_are_independent() -> None:
    (probe,) = Latents(count=512).probes()
    assert probe.condition == Latent()
    assert (probe.unit, probe.draws, probe.axes, probe.pair) == ("draw", 512, (), "")
    assert Latents().probes()[0].draws is None
    assert Latents().probes()[0].id == probe.id, "more draws of it are the same probe"


def test_classes_are_levels_of_an_axis() -> None:
    named = Latents(count=4, classes={7: "cock", 0: "tench"}).probes()
    assert [p.condition for p in named] == [ClassLabel(label=7, name="cock"), ClassLabel(label=0, name="tench")]
    assert [p.levels for p in named] == [{"class": "cock"}, {"class": "tench"}]
    assert {(p.unit, p.draws) for p in named} == {("draw", 4)}
    plain = Latents.model_validate({"classes": [0, 7]}).probes()
    assert [p.levels["class"] for p in plain] == ["0", "7"]
    assert len(Latents(classes=tuple(range(1000))).probes()) == 1000
