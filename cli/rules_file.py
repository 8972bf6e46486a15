"""Files of rules, as `--rules` names them and `tracelake rules` checks them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from cli.errors import CommandError
from cli.text import safe
from functions.core.meaning.meaning import Meaning
from functions.core.meaning.written import RulesError, Written, parse
from functions.core.usage.tenants import DEFAULT_TENANT_KEYS


def load(path: str, tenant_keys: Sequence[str] = ()) -> Meaning:
    """Rules of a file, or none where no file is named; CommandError with what is wrong."""
    return meant(read(path)[1] if path else Written(), tenant_keys)


def meant(written: Written, tenant_keys: Sequence[str] = ()) -> Meaning:
    """Rules ready for use, measured by the clock of this machine."""
    return Meaning(written, (*tenant_keys, *DEFAULT_TENANT_KEYS), time.perf_counter)


def read(path: str) -> tuple[bytes, Written]:
    """A file as it is, and its rules; CommandError with what is wrong."""
    try:
        body = Path(path).read_bytes()
        return body, parse(body.decode())
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: it is not UTF-8: {error}") from None
    except RulesError as error:
        raise CommandError(f"{path}: {error}") from None


def tell_what_did_not_count(meaning: Meaning, err: TextIO) -> None:
    """Says which rules were switched off while they were at work, and which formats no line was compared with."""
    for rule, reason in meaning.watch.off.items():
        print(f"{safe(rule)} would be switched off: {safe(reason)}", file=err)
    for name in meaning.formats.untried():
        print(
            f"formats: {safe(name)} was not tried: nothing read is of a log group or file that it names. Files of this "
            "machine are of none: `tracelake rules check` tries it with --group",
            file=err,
        )
