"""From a name in a spec to a validated plugin: entry point -> class -> instance. Keeps no state.

Built-in plugins are found in the same way as those of any other distribution: through the entry-point groups
``audit.generators``, ``audit.probes``, ``audit.scorers``, ``audit.metrics``, ``audit.references`` and ``audit.reports``.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Literal, TypeVar

from pydantic import ValidationError

from audit.component import API_VERSION, Component, Generator, Metric, ProbeSuite, Report, Scorer
from audit.digest import digest, short
from audit.errors import PluginError, SpecError
from audit.reference import Reference
from audit.spec import Use, explain, nearest
from audit.weights import locate

__all__ = ["KINDS", "Kind", "build", "build_as", "identity", "load", "names", "recipes"]

Kind = Literal["generators", "probes", "scorers", "metrics", "references", "reports"]
KINDS: dict[Kind, type[Component]] = {
    "generators": Generator,
    "probes": ProbeSuite,
    "scorers": Scorer,
    "metrics": Metric,
    "references": Reference,
    "reports": Report,
}
EXTRAS = {
    "accelerate": "diffusion",
    "c2pa": "provenance",
    "diffusers": "diffusion",
    "dlib": "faces",
    "faiss": "copies",
    "httpx": "endpoint",
    "huggingface_hub": "hub",
    "onnxruntime": "onnx",
    "open_clip": "clip",
    "safetensors": "torch",
    "skimage": "faces",
    "timm": "features",
    "torch": "torch",
    "torchvision": "torch",
    "transformers": "diffusion",
}

C = TypeVar("C", bound=Component)


def names(kind: Kind) -> dict[str, EntryPoint]:
    """All plugins of a kind that are installed, by name.

    Raises:
        PluginError: two distributions claim one name.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=f"audit.{kind}"):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise PluginError(
                f"two plugins of audit.{kind} are named {point.name!r}: {other.value} and {point.value}; uninstall one"
            )
    return dict(sorted(found.items()))


def load(kind: Kind, name: str) -> type[Component]:
    """Import the class of a plugin.

    Raises:
        PluginError: unknown name, failed import (the message names the extra to install), or not of this kind.
    """
    known = names(kind)
    if name not in known:
        raise PluginError(f"{kind}: no plugin {name!r} is installed; {_elsewhere(name) or nearest(name, list(known))}")
    try:
        found = known[name].load()
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        extra = EXTRAS.get(missing)
        remedy = f"pip install 'imgaudit[{extra}]'" if extra else f"install what {known[name].value} imports"
        raise PluginError(
            f"{kind}: {name!r} needs {missing or error}, which does not import ({error}); {remedy}"
        ) from error
    except AttributeError as error:
        raise PluginError(f"{kind}: {name!r} points to {known[name].value}, which is not there ({error})") from error
    if not (isinstance(found, type) and issubclass(found, KINDS[kind])):
        raise PluginError(
            f"{kind}: {name!r} is {found!r}, not a subclass of {KINDS[kind].__module__}.{KINDS[kind].__name__}"
        )
    if found.api != API_VERSION:
        raise PluginError(f"{kind}: {name!r} is written for plugin interface {found.api}; this imgaudit has {API_VERSION}")
    return found


def _elsewhere(name: str) -> str:
    """A hint for a name of another kind, as of a metric among scorers; empty where no kind knows it."""
    found = [kind for kind in KINDS if name in names(kind)]
    return f"it is one of the {' and the '.join(found)}: `imgaudit list {found[0]} {name}`" if found else ""


def build(kind: Kind, use: Use) -> Component:
    """Make a plugin from its entry in a spec.

    Raises:
        PluginError: see ``load``.
        SpecError: a parameter is unknown, missing or wrong; the message names it.
    """
    plugin = load(kind, use.use)
    try:
        return plugin.model_validate(use.params)
    except ValidationError as error:
        raise SpecError(explain(error, f"{kind}.{use.label}.params", plugin)) from None


def build_as(kind: Kind, use: Use, base: type[C]) -> C:
    """``build``, typed."""
    plugin = build(kind, use)
    assert isinstance(plugin, base)
    return plugin


def identity(component: Component, device: str | None) -> str:
    """Digest of everything that decides what a plugin produces: class, version, parameters, weights, files, numerics.

    Without a device, numerics are left out: the identity is then the same on every machine.
    """
    return digest(
        {
            "class": f"{type(component).__module__}:{type(component).__qualname__}",
            "version": component.version,
            "params": component.model_dump(mode="json"),
            "packs": {pack: locate(pack).digest for pack in component.packs()},
            "files": component.fingerprint(),
            "numerics": component.numerics(device) if device else {},
        }
    )


def recipes(scorers: Mapping[str, Scorer]) -> dict[str, str]:
    """Short digests of scorers and of what each requires, the same on every machine.

    Args:
        scorers: by name, each after those that it requires.
    """
    found: dict[str, str] = {}
    for name, scorer in scorers.items():
        found[name] = short(digest([identity(scorer, None), {other: found[other] for other in scorer.requires()}]))
    return found
