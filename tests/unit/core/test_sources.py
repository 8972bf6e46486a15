from __future__ import annotations

import importlib
import pkgutil

from functions.core import sources
from functions.core.piles import Reader
from functions.core.schema import TABLES
from functions.core.sources import deployments, line_formats
from functions.core.usage import application_events


def names_in_code() -> set[str]:
    modules = [
        importlib.import_module(f"{sources.__name__}.{found.name}") for found in pkgutil.iter_modules(sources.__path__)
    ]
    written = [value for module in modules for value in vars(module).values()]
    names = {value.source for value in written if isinstance(value, Reader)}
    names |= {f"{name}_log" for name in line_formats.FORMATS} | {*deployments.SOURCES}
    return names | {module.SOURCE for module in (*modules, application_events) if hasattr(module, "SOURCE")}


def test_every_source_that_rows_can_name_is_declared() -> None:
    assert names_in_code() == {source.name for source in sources.SOURCES}


def test_a_source_fills_tables_of_the_lake() -> None:
    assert {table for source in sources.SOURCES for table in source.tables} <= TABLES.keys()
