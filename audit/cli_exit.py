"""How a command ends where its reader has left, or something in it calls exit: never with 1, which means `fail`."""

import contextlib
import os
import sys
from typing import Any

import click

__all__ = ["Commands", "let_go_of_output"]


class Commands(click.Group):
    """A group of commands in which nothing ends the process by itself, so that click alone does, and for one reason only.

    click ends it with ``SystemExit(1)`` when it meets a pipe without a reader.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        Raises:
            RuntimeError: a plugin, or a library, called ``sys.exit``.
        """
        try:
            return super().invoke(ctx)
        except SystemExit as error:
            if isinstance(error.__context__, BrokenPipeError):  # rich meets such a pipe in the same way
                raise
            raise RuntimeError(f"something called sys.exit({error.code!r})") from error


def let_go_of_output() -> None:
    """Send what is still unwritten nowhere: nobody reads it, and Python would fail on it when it ends."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):  # none, or not a file
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
