"""Addresses of clients in the forms that access logs write them."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

_LONGEST = 100


def host(written: str | None) -> str | None:
    """An address in its one canonical form: IPv6 with or without brackets, a port, the first of a list.

    Two forms of one address have to give one hash. What is no address is returned as it is; ``-`` and None as None.
    """
    if not written or written == "-":
        return None
    return _canonical(written) if len(written) <= _LONGEST else written


@lru_cache(maxsize=10_000)
def _canonical(written: str) -> str:
    first = written.partition(",")[0].strip()
    bare = first[1:].partition("]")[0] if first.startswith("[") else first
    for candidate in (bare, bare.rpartition(":")[0]):
        try:
            return str(ip_address(candidate))
        except ValueError:
            continue
    return written
