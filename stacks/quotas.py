"""AWS quotas by name, from quotas.toml: ``quota("lambda.environment")``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("quotas.toml")
QUOTAS: dict[str, dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))


def quota(name: str) -> int:
    """The figure of ``<section>.<quota>``; ``KeyError`` where there is none."""
    section, key = name.split(".")
    return int(QUOTAS[section][key])
