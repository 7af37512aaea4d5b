"""A stopwatch that cannot be read while the device still works.

A GPU takes work and answers at once; a clock that is read then says how long the handing over took. So every reading
must follow a synchronise, and a reading that does not is an error rather than a flattering number.
"""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import torch

__all__ = ["Cpu", "Cuda", "Device", "Stopwatch", "UnsynchronisedReading", "stopwatch"]

T = TypeVar("T")


class UnsynchronisedReading(RuntimeError):
    """The clock was asked for the time while work may still be in flight."""


class Device(Protocol):
    """What a stopwatch must know of a device."""

    name: str

    def synchronize(self) -> None:
        """Wait until all the work that it was given is done."""

    def idle(self) -> bool:
        """Whether none of it is still to be done."""


class Cpu:
    """Work on the CPU is done when the call returns."""

    name = "cpu"

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def idle(self) -> bool:
        """Always."""
        return True


class Cuda:
    """A CUDA device.

    Args:
        name: torch's name of it, such as ``cuda`` or ``cuda:1``.
    """

    def __init__(self, name: str = "cuda") -> None:
        self.name = name

    def synchronize(self) -> None:
        """Wait for all its streams."""
        torch.cuda.synchronize(self.name)

    def idle(self) -> bool:
        """Whether the current stream has come to its end."""
        return torch.cuda.current_stream(self.name).query()


class Stopwatch:
    """Reads the time, in seconds from some fixed moment, of work on one device.

    Called as a function it synchronises and reads, which is what pytest-benchmark does with its timer.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self._settled = False

    def synchronize(self) -> None:
        """Wait for the device; the next reading may follow."""
        self.device.synchronize()
        self._settled = True

    def read(self) -> float:
        """The time now; each reading needs a synchronise of its own before it.

        Raises:
            UnsynchronisedReading: there was none, or work was given to the device after it.
        """
        settled, self._settled = self._settled, False
        if not settled:
            raise UnsynchronisedReading(f"{self.device.name}: the clock was read without a synchronise before it")
        if not self.device.idle():
            raise UnsynchronisedReading(f"{self.device.name}: the clock was read while the device was still at work")
        return time.perf_counter()

    def __call__(self) -> float:
        """Synchronise, then read."""
        self.synchronize()
        return self.read()

    def time(self, work: Callable[[], T]) -> tuple[float, T]:
        """Seconds that some work takes on the device, and what it gave."""
        started = self()
        found = work()
        return self() - started, found


def stopwatch(device: str) -> Stopwatch:
    """The stopwatch of a device by its torch name."""
    return Stopwatch(Cpu() if torch.device(device).type == "cpu" else Cuda(device))
