"""What the local run does not do as AWS does: differences.toml, typed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("differences.toml")


@dataclass(frozen=True)
class Difference:
    """One gap: of which properties of a resource type (none: all of it), what happens here, and what proves it instead.

    ``by`` is the module that replaces what the emulator would do; ``proof`` are files of tests.
    """

    type: str
    properties: tuple[str, ...]
    here: str
    means: str
    proof: tuple[str, ...]
    by: str = ""


def load(file: Path = FILE) -> list[Difference]:
    """All differences; ``TypeError`` where one has another member than it should."""
    entries = tomllib.loads(file.read_text())["difference"]
    return [
        Difference(**{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
        for entry in entries
    ]
