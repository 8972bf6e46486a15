"""Text that a terminal shows and does not obey."""

from __future__ import annotations

import re

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters, and those that reorder text (https://cwe.mitre.org/data/definitions/150.html)."""


def safe(text: str) -> str:
    """The text on one line, with each character that a terminal would obey replaced."""
    return CONTROL.sub(lambda found: " " if found[0] in "\t\n\r" else "\ufffd", text)
