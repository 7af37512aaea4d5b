"""The card beside the phantom's CLIP."""

import platform
from collections.abc import Mapping
from pathlib import Path

import open_clip
import torch

__all__ = ["write_card"]

CARD = """\
---
license: apache-2.0
library_name: open_clip
---
# CLIP of the phantom

Matches pictures of the phantom with captions of its grammar. It was trained from scratch on drawn portraits of people who
do not exist, and knows nothing else: of photographs and other drawings it says nothing.

    open_clip.create_model("local-dir:FOLDER")
    open_clip.get_tokenizer("local-dir:FOLDER")

- **Use**: the scorers `clip` and `zero_shot` on renders of the phantom and on samples of models trained on it.
- **Not for**: pictures of real people, or any statement about them.
- **Limits**: 64 x 64 pixels, 32 tokens, the words of the grammar; other words are read letter by letter and mean nothing to
  it. Hair colour of older people is grey, so captions that name it cannot be told apart there.
- **Data**: {pictures} renders of the table `even`, each with fresh captions that state every attribute with probability .8
  (.2 in three of ten captions).
- **Training**: `{command}`; {parameters} parameters, {batch} pairs a step;
  {seconds_rendering} s to render and {seconds_training} s to train, with torch {torch} and open_clip {open_clip}
  on {machine}. Contrastive loss by step: {losses}.

Measured on renders that it has not seen, with the weights as saved:

| what | share right |
|---|---|
{rows}

Retrieval is picture to caption, top 1 of 64: `retrieval` among random portraits described in full, `retrieval_grid` among
the 64 cells of occupation x presentation x age x tone x glasses, of which neighbours differ in one attribute alone.
"""


def write_card(folder: Path, history: Mapping[str, object], measured: Mapping[str, float]) -> None:
    """Write ``README.md``."""
    losses = history["losses"]
    assert isinstance(losses, list)
    facts = {
        **history,
        "losses": ", ".join(f"{step}: {loss:.3f}" for step, loss in losses),
        "torch": torch.__version__,
        "open_clip": open_clip.__version__,
        "machine": platform.machine(),
        "rows": "\n".join(f"| {name} | {share:.4f} |" for name, share in measured.items()),
    }
    (folder / "README.md").write_text(CARD.format(**facts), encoding="utf-8")
