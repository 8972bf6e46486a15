"""What goes wrong in the command, in words for the person who typed it."""

from __future__ import annotations

OK, FAILED, INTERRUPTED = 0, 1, 130


class CommandError(Exception):
    """Something the user can act on; shown as it is, without a stack trace."""
