"""The user's own line formats: which log groups and files have some, and the named groups of their lines.

All lines of a payload are compared at once, as an Arrow array; a log group or file without formats of its own pays one
look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from functions.core.meaning.watch import MOST_VALUES, Watch
from functions.core.meaning.written import Format

_CACHED_GROUPS = 10_000
_COUNTED = frozenset(MOST_VALUES)


class Line(NamedTuple):
    """A line of a format: its groups that are not empty."""

    form: Format
    fields: dict[str, str]


class Formats:
    """Formats by the log groups and files that they are bound to."""

    def __init__(self, formats: Sequence[Format], watch: Watch) -> None:
        self._formats = formats
        self._counted = {form.name: _COUNTED.intersection(_groups(form.pattern)) for form in formats}
        self._watch = watch
        self._known: dict[str, tuple[Format, ...]] = {}

    def of(self, log_group: str) -> tuple[Format, ...]:
        """The formats of a log group, or of a file as ``s3://bucket/key``, in the order in which they are tried."""
        if not self._formats:
            return ()
        found = self._known.get(log_group)
        if found is None:
            if len(self._known) >= _CACHED_GROUPS:
                self._known.clear()
            found = self._known[log_group] = tuple(
                form for form in self._formats if log_group.startswith(form.log_groups)
            )
        return found

    def untried(self) -> list[str]:
        """Names of the formats none of whose log groups and files was there so far."""
        tried = {form.name for found in self._known.values() for form in found}
        return [form.name for form in self._formats if form.name not in tried]

    def lines(self, formats: Sequence[Format], texts: Sequence[str]) -> list[Line | None]:
        """Each text as a line of the first of some formats that it fits; None where it fits none."""
        found: list[Line | None] = [None] * len(texts)
        for form in formats:
            open_ones = [at for at, line in enumerate(found) if line is None]
            array = pa.array([texts[at].encode(errors="replace").decode() for at in open_ones], pa.string())
            for at, line in zip(open_ones, self._of(form, array), strict=True):
                found[at] = line
        return found

    def _of(self, form: Format, texts: pa.StringArray) -> list[Line | None]:
        rule = f"formats: {form.name}"

        def extracted(part: pa.StringArray) -> list[dict[str, str] | None]:
            return pc.extract_regex(part, form.pattern).to_pylist()  # type: ignore[no-any-return]

        made = self._watch.found(rule, texts, extracted)
        lines = [Line(form, {name: value for name, value in each.items() if value}) if each else None for each in made]
        for group in self._counted[form.name]:
            values = (line.fields[group] for line in lines if line and group in line.fields)
            if not self._watch.saw(rule, group, values):
                return [None] * len(lines)
        return lines


def _groups(pattern: str) -> list[str]:
    found = pc.extract_regex(pa.array([], pa.string()), pattern).type
    return [found.field(number).name for number in range(found.num_fields)]
