"""Reference ``uniform``: every label as often as any other."""

from collections.abc import Sequence

from audit.reference import About, Asked, Expected, Reference, Silent

__all__ = ["Uniform"]


class Uniform(Reference):
    """Equal shares of the labels: exact, of no time and no place. A yardstick, not a target."""

    def about(self) -> About:
        """Equal shares, and that they depend on how finely the labels are cut."""
        return About(
            title="Equal shares of all labels",
            caveats="A yardstick, not a target: equal shares of the labels that were chosen, however finely they cut.",
        )

    def expected(self, attribute: str, labels: Sequence[str], asked: Asked) -> Expected | Silent:  # noqa: ARG002
        """1 / K for each of K labels, whatever was asked."""
        if not labels:
            return Silent(f"{attribute} has no labels to share among")
        return Expected(dict.fromkeys(labels, 1 / len(labels)), note="equal shares")
