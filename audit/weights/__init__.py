"""Weight packs: named sets of model files with source, digest, licence, intended use and known limits.

    catalogue()            what there is
    locate("dcgan-...")    files on this machine, checked before use; never downloads
    pull("dcgan-...")      bring a pack here through the user's own index, registry or hub settings
    verify("dcgan-...")    hash every byte again

Nothing is ever replaced silently: a pack is the one that the catalogue names, or there is an error with its remedy.
"""

from audit.weights.cache import Located, cache_folder, find_pack, locate, missing, verify
from audit.weights.download import Progress
from audit.weights.packs import (
    HubSource,
    IndexSource,
    Measurement,
    NpmSource,
    Pack,
    PackageSource,
    PackFile,
    PathSource,
    Source,
    UrlSource,
    catalogue,
)
from audit.weights.pulling import pull

__all__ = [
    "HubSource",
    "IndexSource",
    "Located",
    "Measurement",
    "NpmSource",
    "Pack",
    "PackFile",
    "PackageSource",
    "PathSource",
    "Progress",
    "Source",
    "UrlSource",
    "cache_folder",
    "catalogue",
    "find_pack",
    "locate",
    "missing",
    "pull",
    "verify",
]
