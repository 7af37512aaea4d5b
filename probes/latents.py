"""The suite ``latents``: draws of a generator that takes no text, from its latent distribution or of its classes."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from audit.component import ProbeSuite
from audit.records import Axis, ClassLabel, Latent, Probe
from probes.wording import fault_of

__all__ = ["Latents"]


class Latents(ProbeSuite):
    """Independent draws without a prompt: each draw is its own sampling unit, not each condition.

    Without ``classes`` it is one probe without axes. With them it is a probe a class, with the contrast axis ``class``.
    """

    version: ClassVar[int] = 1
    source: ClassVar[str] = "no words"

    count: int | None = Field(default=None, ge=1)
    """Images to draw, of each class where there are classes. Empty: the spec's ``draws_per_probe``."""
    classes: dict[int, str] | tuple[int, ...] = ()
    """Class labels, or labels with names: ``[0, 7]`` or ``{0: tench, 7: cock}``. Empty: the generator has none."""

    @model_validator(mode="after")
    def _classes_differ(self) -> Self:
        names = list(self._names().values())
        if len(names) != len(self.classes):
            raise ValueError("classes: a label stands there twice")
        for label, name in self._names().items():
            if label < 0:
                raise ValueError(f"classes: {label} is no class; labels count from 0")
            if not name.strip() or fault_of(name):
                raise ValueError(f"classes: the name of class {label} is {fault_of(name) or 'empty'}")
            if names.count(name) > 1:
                raise ValueError(f"classes: two classes are named {name!r}; their images could not be told apart")
        return self

    def _names(self) -> dict[int, str]:
        return self.classes if isinstance(self.classes, dict) else {label: str(label) for label in self.classes}

    def probes(self) -> tuple[Probe, ...]:
        """One latent probe, or one a class in the given order."""
        if not self.classes:
            return (Probe(suite="latents", condition=Latent(), unit="draw", draws=self.count),)
        return tuple(
            Probe(
                suite="latents",
                condition=ClassLabel(label=label, name=name),
                axes=(Axis(name="class", level=name),),
                unit="draw",
                draws=self.count,
            )
            for label, name in self._names().items()
        )
