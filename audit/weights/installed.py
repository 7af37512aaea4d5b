"""Weight packs that come inside an installed package: where they lie."""

from importlib.util import find_spec
from pathlib import Path

from audit.errors import WeightsMissing
from audit.weights.packs import PackageSource

__all__ = ["package_folder"]


def package_folder(name: str, source: PackageSource) -> Path:
    """The folder of a pack in the package that it comes with; the package is not imported.

    Args:
        name: of the pack, for messages.

    Raises:
        WeightsMissing: the package is not installed, not as files on disk, or has no such folder.
    """
    spec = find_spec(source.package)
    roots = [Path(root) for root in (spec.submodule_search_locations or ()) if Path(root).is_dir()] if spec else []
    if not roots:
        raise WeightsMissing(
            f"weight pack {name!r} comes with the package {source.package!r}, which is not installed as a folder of files; "
            "install it with pip"
        )
    folders = [root / source.folder for root in roots if (root / source.folder).is_dir()]
    if not folders:
        raise WeightsMissing(
            f"weight pack {name!r} comes with the package {source.package!r}, but {roots[0] / source.folder} is not there; "
            "install the package again"
        )
    return folders[0]
