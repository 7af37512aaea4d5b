"""What an exception of a model library says: its first line, and whether memory ran out."""

import re

__all__ = ["first_line", "memory_ran_out"]

LONGEST = 300
MEMORY = re.compile(r"out.of.memory|can't allocate memory|not enough memory|failed to allocate memory|alloc_failed", re.I)


def first_line(error: Exception) -> str:
    """The first line of the message that is not blank, at most 300 characters; the exception's type where there is none."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:LONGEST]


def memory_ran_out(error: Exception) -> bool:
    """Whether it says that a device or the computer has no memory left.

    Judged by the words: inside a TorchScript program the device's own exception arrives as a plain RuntimeError, and
    onnxruntime's exceptions have no common base.
    """
    return isinstance(error, MemoryError) or MEMORY.search(str(error)) is not None
