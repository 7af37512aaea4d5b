"""What a request asks of a generator that knows latents and class labels."""

from audit.component import Request
from audit.errors import GenerationError, InputError
from audit.records import ClassLabel, Latent

__all__ = ["asked_label"]


def asked_label(request: Request, classes: int) -> int | None:
    """The class label that is asked for; None where the condition leaves it to chance.

    Args:
        request: a draw with its condition.
        classes: how many classes the generator has.

    Raises:
        InputError: a label that it does not have.
        GenerationError: a condition of another kind.
    """
    condition, name = request.probe.condition, request.draw.generator
    if isinstance(condition, Latent):
        return None
    if not isinstance(condition, ClassLabel):
        raise GenerationError(f"{name}: draws latents and class labels, not {condition.type} conditions")
    if condition.label >= classes:
        known = f"its labels are 0..{classes - 1}" if classes else "it has none, since `classes` is 0"
        raise InputError(f"{name}: class label {condition.label} was asked for, but {known}")
    return condition.label
