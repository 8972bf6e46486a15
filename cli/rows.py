"""``tracelake rows``: what the lake would hold of some files.

A file is brought into the form in which CloudWatch or an application would put it on the stream, and goes through the
Normalizer as it does in the function.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa

from cli import raw_files, rules_file
from cli.errors import FAILED, OK, CommandError
from cli.explained import Explainer
from functions.core.decode import UnreadableError, payloads
from functions.core.normalize import Normalizer, Part, Rejected, Rules
from functions.core.redaction import Redactor

LONGEST_EXCERPT = 300
MAX_FILE_BYTES = 1 << 30

RULES = Rules(account="000000000000", region="us-east-1", max_decompressed_bytes=MAX_FILE_BYTES)


def run(
    paths: Iterable[str],
    format: str | None,
    out: TextIO,
    err: TextIO,
    explainer: Explainer | None = None,
    rules: Rules = RULES,
) -> int:
    """Prints the rows of files (``-`` is standard input, a folder all files in it) as JSON lines.

    ``format`` is one of raw_files.FORMATS, or None to find out; CommandError for another. An ``explainer`` gets the
    files too, and only what is rejected is printed. The last line on ``err`` is the totals. Exit status 1 where a file
    cannot be read.
    """
    if format is not None and format not in raw_files.FORMATS:
        raise CommandError(f"unknown format {format}; known are {', '.join(raw_files.FORMATS)}")
    status = OK
    normalizer = Normalizer(rules)
    rows: dict[str, int] = {}
    for path in files(paths):
        try:
            content, modified_ms = read(path)
        except OSError as error:
            print(f"tracelake: {path}: {error.strerror or error}", file=err)
            status = FAILED
            continue
        for number, record in enumerate(records(path, content, modified_ms, format)):
            normalizer.add(record, f"{path.name}:{number}" if number else path.name, None)
            if explainer:
                explainer.add(record)
        for part in normalizer.flush(path.name):
            rows[part.table] = rows.get(part.table, 0) + part.rows.num_rows
            if not explainer:
                _print_rows(part, out)
        _print_rejected(normalizer.rejected, out)
        normalizer.rejected.clear()
    counts = normalizer.counts
    totals = {name: getattr(counts, name) for name in ("events", "stored", "folded", "rejected")}
    print(json.dumps({**totals, "rows": rows}), file=err)
    if rules.meaning:
        rules_file.tell_what_did_not_count(rules.meaning, err)
    return status


def files(paths: Iterable[str]) -> Iterator[Path]:
    """The files named, and those in folders named."""
    for name in paths:
        path = Path(name)
        if path.is_dir():
            yield from sorted(entry for entry in path.rglob("*") if entry.is_file())
        else:
            yield path


def read(path: Path) -> tuple[bytes, int]:
    """Content of a file, and when it was written, in milliseconds since 1970."""
    if str(path) == "-":
        return sys.stdin.buffer.read(), int(datetime.now(UTC).timestamp() * 1000)
    return path.read_bytes(), path.stat().st_mtime_ns // 1_000_000


def records(path: Path, content: bytes, modified_ms: int, format: str | None) -> Iterable[bytes]:
    """The content as records of the stream; what cannot be opened stays as it is, for the Normalizer to refuse."""
    try:
        opened = payloads(content, MAX_FILE_BYTES)
    except UnreadableError:
        return [content]
    return (
        record
        for payload in opened
        for record in raw_files.stream_records(bytes(payload), path.name, modified_ms, format or raw_files.AUTO)
    )


def _print_rows(part: Part, out: TextIO) -> None:
    for row in part.rows.to_pylist(maps_as_pydicts="lossy"):
        print(json.dumps({"table": part.table, "row": row}, default=_written, ensure_ascii=False), file=out)


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    return str(value)


def _print_rejected(rejected: Iterable[Rejected], out: TextIO) -> None:
    redactor = Redactor(b"")
    for refusal in rejected:
        excerpt = redactor.text(pa.array([_excerpt(refusal.payload)], pa.string()))[0].as_py()
        print(json.dumps({"rejected": {"reason": refusal.reason, "excerpt": excerpt}}, ensure_ascii=False), file=out)


def _excerpt(payload: bytes) -> str:
    try:
        opened = payloads(payload, MAX_FILE_BYTES)[0]
    except (UnreadableError, IndexError):
        opened = payload
    return opened[:LONGEST_EXCERPT].decode(errors="backslashreplace")


def command(given: argparse.Namespace) -> int:
    """``tracelake rows``."""
    rules = replace(RULES, meaning=rules_file.load(given.rules))
    explainer = Explainer(rules, every=given.every) if given.explain else None
    status = run(given.paths, given.format, sys.stdout, sys.stderr, explainer, rules)
    if explainer:
        explainer.show(sys.stdout, as_json=given.json)
    return status
