"""What goes wrong with one thing stops no other, and is an error of the function when all else is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Logger

_TOLD = 10
"""So many stand in the message of the error; all are logged."""

log = Logger(service="tracelake-compact")


class UnfinishedError(Exception):
    """All else was done; this failed, and the next run tries it again."""


class Failures:
    """Collects what failed in a run."""

    def __init__(self) -> None:
        self._found: list[str] = []

    @contextmanager
    def collected(self, what: str) -> Iterator[None]:
        """Whatever goes wrong inside is logged and kept, and the run goes on behind it."""
        try:
            yield
        except Exception as error:
            log.exception(f"{what}: not made, the next run tries again")
            self._found.append(f"{what}: {type(error).__name__}")

    def tell(self) -> None:
        """Raise `UnfinishedError` where anything failed: an alarm counts errors of the function."""
        if self._found:
            more = f" and {len(self._found) - _TOLD} more" if len(self._found) > _TOLD else ""
            raise UnfinishedError("; ".join(self._found[:_TOLD]) + more)
