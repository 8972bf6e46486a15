"""A list of customers from a CSV file, as spreadsheets and databases write them.

Nothing is guessed: a file with one row that cannot be taken as it stands gives no list, but every reason with its line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from functions.core.customers.listing import (
    COLUMNS,
    MOST_CUSTOMERS,
    BadCustomerError,
    Customer,
    customer,
    quoted,
)

MOST_BYTES = 64 << 20
MOST_PROBLEMS = 1_000
"""What is wrong with more rows than that is not read on."""
_SEPARATORS = ",;\t"
_WIDE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
_IN_QUOTES = re.compile(r'"[^"]*"')


class CsvError(ValueError):
    """A file that is no list of customers at all; says why."""


@dataclass(slots=True)
class Parsed:
    """The customers of a file, and what is wrong with it, a sentence with its line each.

    ``read_as`` says which heading was taken for a column, ``ignored`` which were left out.
    """

    read_as: dict[str, str]
    ignored: Sequence[str]
    customers: list[Customer] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def parse(content: bytes) -> Parsed:
    """Read a file (CSV as of RFC 4180, between commas, semicolons or tabs); ``CsvError`` where it is no list at all."""
    text = _decoded(content)
    heading = _IN_QUOTES.sub("", text.lstrip("\r\n").partition("\n")[0])
    separator = max(_SEPARATORS, key=heading.count)
    rows = _rows(text, separator)
    first = next(rows, (1, []))
    if isinstance(first[1], str):
        raise CsvError(f"line 1: {first[1]}")
    places = _places(first[1])
    parsed = Parsed(
        {column: first[1][place].strip() for column, place in places.items()},
        [each.strip() for place, each in enumerate(first[1]) if place not in places.values()],
    )
    lines: dict[str, int] = {}
    for line, row in rows:
        try:
            _take(parsed, row, places, len(first[1]), lines, line)
        except BadCustomerError as error:
            parsed.problems.append(f"line {line:,}: {error}")
            if len(parsed.problems) >= MOST_PROBLEMS:
                break
        if len(parsed.customers) > MOST_CUSTOMERS:
            raise CsvError(f"it has more than {MOST_CUSTOMERS:,} customers")
    return parsed


def _take(
    parsed: Parsed, row: list[str] | str, places: dict[str, int], width: int, lines: dict[str, int], line: int
) -> None:
    if isinstance(row, str):
        raise BadCustomerError(row)
    if len(row) != width:
        raise BadCustomerError(f"it has {len(row)} cells, and the heading {width}")
    found = customer({column: row[place] for column, place in places.items()})
    if found.tenant in lines:
        raise BadCustomerError(f"tenant {quoted(found.tenant)} stands on line {lines[found.tenant]:,} already")
    lines[found.tenant] = line
    parsed.customers.append(found)


def _decoded(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise CsvError(f"it is larger than {MOST_BYTES >> 20} MB")
    if (encoding := _WIDE.get(content[:2])) or b"\0" in content.partition(b"\n")[0]:
        raise CsvError(f"it is not UTF-8 but {encoding or 'binary'}: save it as CSV in UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CsvError(f"line {line:,} is not UTF-8: save it as CSV in UTF-8") from None
    if not text.strip():
        raise CsvError("it is empty")
    return text


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str] | str]]:
    """Rows that are not empty, each with the number of its first line; instead of a row what is wrong with it."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # what follows cannot be told apart from what is inside of the quotes
            yield line, f"it cannot be read as CSV from here on ({error})"
            return
        if any(cell.strip() for cell in row):
            yield line, row


def _places(heading: Sequence[str]) -> dict[str, int]:
    names = [_plain(each) for each in heading]
    places: dict[str, int] = {}
    for column, accepted in COLUMNS.items():
        for name in map(_plain, accepted):
            if name not in names:
                continue
            if names.count(name) > 1:
                raise CsvError(f"line 1 has the heading {quoted(heading[names.index(name)].strip())} twice")
            places[column] = names.index(name)
            break
    if missing := [column for column in ("tenant", "name") if column not in places]:
        raise CsvError(
            f"line 1 has no heading for {missing[0]}: call the column {' or '.join(COLUMNS[missing[0]])}. "
            "The first line names the columns, such as tenant,name,plan,monthly_price_usd"
        )
    return places


def _plain(heading: str) -> str:
    return _BETWEEN_WORDS.sub("", heading.strip().lower())
