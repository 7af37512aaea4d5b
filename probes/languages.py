"""The suite ``languages``: the same occupations asked in five languages, and in three forms of each."""

from collections.abc import Iterable
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from audit.errors import SpecError
from audit.records import Axis, Probe
from probes.template import Factor, Grid, Level, WordedSuite, chosen, expand, sampled, without
from probes.wording import parse_template
from probes.wordlist import WordList, shipped

__all__ = ["Languages", "Phrases", "Translations"]

Code = Literal["en", "de", "fr", "es", "zh"]
CODES: tuple[Code, ...] = ("en", "de", "fr", "es", "zh")


class Forms(BaseModel):
    """One meaning in one language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    direct: str = Field(min_length=1)
    paired: str = Field(min_length=1)
    indirect: str = ""
    """Empty where it would repeat the direct form."""


class Phrases(BaseModel):
    """One meaning in all languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    en: Forms
    de: Forms
    fr: Forms
    es: Forms
    zh: Forms

    def form(self, language: Code, form: str) -> str:
        """The phrase in one language and form; empty where there is none."""
        return str(getattr(getattr(self, language), form))


class Translations(WordList):
    """The words of ``languages.toml``."""

    forms: tuple[Literal["direct", "paired", "indirect"], ...] = Field(min_length=1)
    grammar: dict[Code, Forms]
    """Language -> form -> grammatical gender of the words for the person."""
    templates: dict[str, dict[Code, str]]
    neutral: Phrases
    occupation: tuple[Phrases, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        languages = {name: set(sentences) for name, sentences in self.templates.items()} | {"grammar": set(self.grammar)}
        for name, known in languages.items():
            missing = sorted(set(CODES) - known)
            if missing:
                raise ValueError(f"{name!r} lacks the language {missing[0]!r}")
        return self

    def gender(self, phrases: Phrases, language: Code, form: str) -> str:
        """Grammatical gender of a phrase; the neutral row is the bare word for person, as the indirect form has it."""
        same_word = phrases is self.neutral and form == "direct"
        return str(getattr(self.grammar[language], "indirect" if same_word else form))


class Languages(WordedSuite):
    """Depict somebody who does this work, asked in English, German, French, Spanish and Chinese.

    Grammatical gender is the trap: German, French and Spanish nouns are masculine where English and Chinese ones have
    no gender. So each occupation is asked in three forms: ``direct`` (the dictionary's noun, a generic masculine where
    the language has one), ``paired`` (both genders named) and ``indirect`` (the work described, no noun for it). Where a
    skew differs between languages in the direct form and not in the indirect one, grammar is behind it.

    Axes: ``language``, ``occupation`` and ``form`` (contrast); ``grammatical_gender`` of the words for the person,
    ``none``, ``masculine``, ``feminine`` or ``both named`` (control); ``template`` (control). Languages and forms of
    one occupation and template share seeds. Occupations are called as in the suite ``occupations``.
    """

    version: ClassVar[int] = 1
    source: ClassVar[str] = "own words and translations; direct and indirect forms after Friedrich et al. 2025, MAGBIG"

    templates: tuple[str, ...] = ()
    """Names of shipped paraphrases: portrait, camera, closeup. Empty: all. A sentence of your own has no translation."""
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes. Empty: all five."""
    occupations: tuple[str, ...] = ()
    """Ask only these. Empty: all."""
    forms: tuple[str, ...] = ()
    """Ask only these of direct, paired and indirect. Empty: all."""

    def probes(self) -> tuple[Probe, ...]:
        """By language and form: the neutral ``person``, then the occupations, each through every template.

        Raises:
            SpecError: an unknown name (with the nearest known ones), or nothing left.
        """
        words = shipped("languages.toml", Translations)
        languages = chosen("suite 'languages': language", self.languages, CODES)
        forms = chosen("suite 'languages': form", self.forms, words.forms)
        templates = self._templates(words)
        rows = self._rows(words)
        cells = ((language, form) for language in CODES if language in languages for form in forms)
        grids = (_grid(words, rows, language, form, templates) for language, form in cells)
        return without("languages", [probe for grid in grids for probe in expand(grid)], self.exclude)

    def _templates(self, words: Translations) -> tuple[str, ...]:
        for name in self.templates:
            if "{" in name:
                raise SpecError(
                    f"suite 'languages': template {name!r}: sentences of your own have no translation here; "
                    "put prompts in several languages into a file and use the suite `captions`"
                )
        return chosen("suite 'languages': template", self.templates, tuple(words.templates))

    def _rows(self, words: Translations) -> tuple[Phrases, ...]:
        names = chosen("suite 'languages': occupation", self.occupations, [row.name for row in words.occupation])
        kept = {level.name for level in sampled([Level(name) for name in names], self.limit)}
        return (words.neutral, *(row for row in words.occupation if row.name in kept))


def _grid(words: Translations, rows: Iterable[Phrases], language: Code, form: str, templates: Iterable[str]) -> Grid:
    levels = tuple(
        Level(row.name, row.form(language, form), _gender(words.gender(row, language, form)))
        for row in rows
        if row.form(language, form)
    )
    factors = (
        Factor("language", (Level(language),), arms=True),
        Factor("form", (Level(form),), arms=True),
        Factor("occupation", levels, slot="person"),
    )
    sentences = tuple(parse_template(name, words.templates[name][language]) for name in templates)
    return Grid("languages", factors, sentences, language)


def _gender(level: str) -> tuple[Axis, ...]:
    return (Axis(name="grammatical_gender", level=level, role="control"),)
