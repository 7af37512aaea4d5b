"""Prints the catalogue entry of a folder of weights that comes with a package, with size and digest of each file.

    python -m training.phantom.pack_entry generators/phantom/models/even

What a person has to say (licence, intended use, limits, measurements) is for a person to write.
"""

import json
import sys
from pathlib import Path

from audit.digest import TAG, file_digest

__all__ = ["entry", "main"]


def entry(folder: Path) -> str:
    """The source and files of a pack as TOML.

    Args:
        folder: relative to the checkout, so that its first part is the package; hidden files are left out.

    Raises:
        ValueError: the folder is not below a package, or holds no file.
    """
    package, *below = folder.parts
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))
    if not below or not files:
        raise ValueError(f"{folder}: expected a folder of files below a package, such as generators/phantom/models")
    source = f'{{ kind = "package", package = {json.dumps(package)}, folder = {json.dumps("/".join(below))} }}'
    return "\n".join([f"source = {source}", "files = [", *(_line(file, folder) for file in files), "]"])


def _line(file: Path, folder: Path) -> str:
    name = json.dumps(file.relative_to(folder).as_posix())
    digest = file_digest(file).removeprefix(TAG)
    return f'  {{ name = {name}, member = {name}, size = {file.stat().st_size}, sha256 = "{digest}" }},'


def main() -> None:
    """Print the entry of each folder that is named."""
    for argument in sys.argv[1:]:
        sys.stdout.write(entry(Path(argument)) + "\n")


if __name__ == "__main__":
    main()
