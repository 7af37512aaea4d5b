"""A probe suite in one file."""

from audit.component import ProbeSuite
from audit.records import Axis, Probe, TextPrompt


class StripeColours(ProbeSuite):
    """Stripes in three colours."""

    licence = "CC0-1.0"

    def probes(self):
        return tuple(
            Probe(
                suite="stripe_colours",
                condition=TextPrompt(text=f"{colour} stripes"),
                axes=(Axis(name="colour", level=colour),),
            )
            for colour in ("red", "green", "blue")
        )
