"""The images of a run: by content, in the run or by reference outside it, until they are purged."""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from audit.digest import bytes_digest, short
from audit.errors import StoreError
from audit.files import RunFiles
from audit.purges import Purge, closed, read_purges

__all__ = ["IMAGES", "ImageFiles", "ImageRef"]

IMAGES = "images"
LEAVING = re.compile(r"\.[0-9a-f]{32}\.tmp")
"""A file that is being written: see ``RunFiles``."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where an image's bytes are."""

    digest: str
    codec: str
    location: str
    """Path outside the run; empty where the run holds the bytes."""


class ImageFiles(RunFiles):
    """Images under the digest of their bytes."""

    @staticmethod
    def _image_name(digest: str, codec: str) -> str:
        plain = short(digest, 64)
        return f"{IMAGES}/{plain[:2]}/{plain}.{codec.partition('+')[0]}"

    def put_image(self, data: bytes, codec: str) -> str:
        """Store encoded bytes under their digest, and give it back."""
        digest = bytes_digest(data)
        name = self._image_name(digest, codec)
        if not self.has(name) or self._fs.size(self._at(name)) != len(data):  # a power cut may leave an empty file
            self._write(name, data)
        return digest

    def get_image(self, ref: ImageRef) -> bytes:
        """The stored bytes of an image.

        Raises:
            StoreError: they are gone, were purged, or are no longer those that were stored.
        """
        data = self._bytes_of(ref)
        if bytes_digest(data) != ref.digest:
            raise StoreError(f"{self._name_of(ref)}: its bytes have changed since they were stored; restore the file")
        return data

    def _name_of(self, ref: ImageRef) -> str:
        return ref.location or self._image_name(ref.digest, ref.codec)

    def _bytes_of(self, ref: ImageRef) -> bytes:
        if not ref.location:
            if self.purges and not self.has(self._name_of(ref)):
                raise StoreError(f"{self.path}: {closed(self.purges)}")
            return self.read(self._name_of(ref))
        try:
            return Path(ref.location).read_bytes()
        except OSError as error:
            raise StoreError(f"{ref.location}: an image of this run cannot be read ({error.strerror})") from error

    def image_link(self, ref: ImageRef) -> str:
        """Link to an image, relative to the run folder."""
        if not ref.location:
            return self._image_name(ref.digest, ref.codec)
        return quote(os.path.relpath(ref.location, self._root)) if self._local else ""

    # ------------------------------------------------------------------------------------------------- purge

    @cached_property
    def purges(self) -> tuple[Purge, ...]:
        """What was deleted on purpose, in its order; read once."""
        return read_purges(self)

    def held_images(self) -> dict[str, int]:
        """Files of images in the run, with their bytes; what a killed process left half written is among them.

        Raises:
            StoreError: the folder of images is a link to a place outside the run.
        """
        root = self._at(IMAGES)
        if self._local:
            _refuse_link(Path(root))
        found = self._fs.find(root, detail=True) if self._fs.isdir(root) else {}
        return {name.removeprefix(self._root).lstrip("/"): int(entry["size"] or 0) for name, entry in found.items()}

    def _check_no_link(self, folder: str) -> None:
        """See that neither a folder of the run nor anything in it is a link.

        Raises:
            StoreError: it is one.
        """
        root = Path(self._at(folder))
        for path in [root, *sorted(root.rglob("*"))] if self._local else ():
            _refuse_link(path)

    def remove_images(self) -> None:
        """Delete the folder of images whole; links in it go, what they point to stays."""
        if self.held_images() or self._fs.isdir(self._at(IMAGES)):
            self._fs.rm(self._at(IMAGES), recursive=True)

    def remove(self, name: str) -> None:
        """Delete one file that ``write`` wrote, and forget its digest."""
        self._write_sums({kept: digest for kept, digest in self._sums().items() if kept != name})
        if self.has(name):
            self._fs.rm_file(self._at(name))

    def remove_leavings(self) -> None:
        """Delete what killed processes left half written anywhere in the run: it may hold pictures or scores."""
        for name in self._fs.find(self._root):
            base = name.rpartition("/")[2]
            if LEAVING.fullmatch(base):
                self._fs.rm_file(name)


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        remedy = "remove the link, or put the files in its place"
        raise StoreError(f"{path}: a link to {path.resolve()}, which is not this run's to delete; {remedy}")
