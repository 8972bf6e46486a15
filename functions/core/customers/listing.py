"""The list of customers: what may stand on it, how it is kept as a file, and what a new one changes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from functions.core.schema import TENANTS
from functions.core.summaries import LONGEST_NAME

MOST_CUSTOMERS = 100_000
UNKNOWN = "(unknown)"
"""Questions call so whoever is not known."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "tenant": ("tenant", "tenant_id", "customer_id", "customer", "id"),
    "name": ("name", "tenant_name", "customer_name", "company"),
    "plan": ("plan", "tier"),
    "monthly_price_usd": ("monthly_price_usd", "monthly_price"),
}
"""Columns of the list, and what they may be called where it comes from; the first that is there counts."""

_LONGEST = {"tenant": LONGEST_NAME, "name": 200, "plan": 100}
# a price of which nobody has to guess what it means: 1,234 and 49,00 and $49 and 4.9e1 are left to who wrote them
_PRICE = re.compile(r"\d{1,9}(\.\d{1,6})?", re.ASCII)
# control characters, halves of characters, ends of lines, and (below) what reorders a line
_NO_WRITING = {"Cc", "Cs", "Zl", "Zp"}
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
_QUOTED = 40


class BadCustomerError(ValueError):
    """What is wrong with one customer, as a sentence without a place."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer; ``tenant`` is the id that telemetry has. ``None`` is what the list does not say."""

    tenant: str
    name: str
    plan: str | None = None
    monthly_price_usd: float | None = None


def customer(written: Mapping[str, str]) -> Customer:
    """The customer of texts by column; ``BadCustomerError`` where one cannot be taken as it stands."""
    texts = {column: _text(column, written.get(column, "").strip()) for column in COLUMNS}
    for column in ("tenant", "name"):
        if not texts[column]:
            raise BadCustomerError(f"{column} is empty")
    if texts["tenant"] == UNKNOWN:
        raise BadCustomerError(f"tenant is {UNKNOWN}, which stands for customers that are not known")
    price = texts["monthly_price_usd"]
    if price and not _PRICE.fullmatch(price):
        raise BadCustomerError(
            f"monthly_price_usd is {quoted(price)}: write dollars as digits, with a point before cents, such as 1234.50"
        )
    return Customer(texts["tenant"], texts["name"], texts["plan"] or None, float(price) if price else None)


def quoted(text: str) -> str:
    """The beginning of a text from outside, as it may stand in a message."""
    return repr(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}...")


def _text(column: str, text: str) -> str:
    longest = _LONGEST.get(column)
    if longest and len(text) > longest:
        raise BadCustomerError(f"{column} has {len(text):,} characters, of which {longest} are allowed")
    for letter in "" if text.isprintable() else text:
        if unicodedata.category(letter) in _NO_WRITING or _DIRECTION.match(letter):
            raise BadCustomerError(f"{column} holds the character U+{ord(letter):04X}, which is no writing")
    return text


def table_of(customers: Iterable[Customer]) -> pa.Table:
    """The list as rows of its table, by id whatever order it came in."""
    listed = sorted(customers, key=lambda each: each.tenant)
    schema = TENANTS.arrow_schema
    return pa.table([[getattr(each, name) for each in listed] for name in schema.names], schema=schema)


def encode(customers: Iterable[Customer]) -> bytes:
    """The list as one Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table_of(customers), sink, compression="zstd")
    return bytes(sink.getvalue())


class Names:
    """A list of customers as it is kept, to be asked by id."""

    def __init__(self, file: bytes = b"") -> None:
        """``pa.ArrowException`` or ``KeyError`` where the file is not one of ours; no file is an empty list."""
        schema = TENANTS.arrow_schema
        table = pq.ParquetFile(pa.BufferReader(file)).read() if file else schema.empty_table()
        self._table = table.select(schema.names).cast(schema)

    def of(self, tenants: Iterable[str]) -> dict[str, Customer]:
        """Those of these ids that are on the list."""
        wanted = pa.array(list(tenants), pa.string())
        return {each.tenant: each for each in _customers(self._table.filter(pc.is_in(self._table["tenant"], wanted)))}

    def all(self) -> list[Customer]:
        """Every customer, by id."""
        return _customers(self._table)


NOBODY = Names()


def _customers(table: pa.Table) -> list[Customer]:
    return [Customer(*values) for values in zip(*(column.to_pylist() for column in table.columns), strict=True)]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a list changes of another one, by id: customers that come, change (before, after) and go."""

    new: Sequence[Customer]
    changed: Sequence[tuple[Customer, Customer]]
    gone: Sequence[Customer]

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)


def changes(before: Iterable[Customer], after: Iterable[Customer]) -> Changes:
    """What ``after`` changes of ``before``."""
    old, new = ({each.tenant: each for each in side} for side in (before, after))
    return Changes(
        [new[tenant] for tenant in sorted(new.keys() - old.keys())],
        [(old[tenant], new[tenant]) for tenant in sorted(new.keys() & old.keys()) if old[tenant] != new[tenant]],
        [old[tenant] for tenant in sorted(old.keys() - new.keys())],
    )
