"""What a field's values say about it: how uneven they are, whether they come again, what they depend on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from heapq import heappop, heappush
from math import log

from functions.core.usage.field_columns import Column, Columns


def agreement(pairs: Iterable[tuple[Hashable, Hashable]]) -> tuple[float, int]:
    """How far the first determines the second, and on how many repeated observations this rests.

    1 where all of the same first have the same second, 0 where that happens as often as by chance: Cohen's kappa
    (https://doi.org/10.1177/001316446002000104) of two draws with the same first. A first with many observations counts
    by their number, not by its square.
    """
    joint = Counter(pairs)
    firsts: Counter[Hashable] = Counter()
    seconds: Counter[Hashable] = Counter()
    for (first, second), count in joint.items():
        firsts[first] += count
        seconds[second] += count
    observed = sum(count * (count - 1) / (firsts[first] - 1) for (first, _), count in joint.items() if count > 1)
    repeated = sum(count for count in firsts.values() if count > 1)
    total = sum(seconds.values())
    chance = sum(count * (count - 1) for count in seconds.values()) / max(1, total * (total - 1))
    if not repeated or chance >= 1:
        return 0.0, 0
    return (observed / repeated - chance) / (1 - chance), repeated


def unevenness(counts: Sequence[int]) -> float:
    """How far counts differ beyond what chance makes: the squared coefficient of variation less that of Poisson.

    0 for values that a load balancer or a lottery hands out; about 0.3 and more for customers.
    """
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / max(1, len(counts) - 1)
    return (variance - mean) / mean**2


def entropy(counts: Sequence[int]) -> float:
    """Shannon's entropy as a share of the most that as many values can have."""
    total = sum(counts)
    found = -sum(count / total * log(count / total) for count in counts)
    return found / log(len(counts)) if len(counts) > 1 else 0.0


def persistence(column: Column, columns: Columns) -> float:
    """The share of requests whose value comes again at another time, which is at least two slices away: most of them
    where the value names something lasting, few where each value is seen for a while and never again."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for request, code in column.of_request.items():
        time = columns.slices[request]
        first[code] = min(first.get(code, time), time)
        last[code] = max(last.get(code, time), time)
    lasting = {code for code, time in first.items() if last[code] - time >= 2}
    return sum(code in lasting for code in column.of_request.values()) / len(column.of_request)


def brevity(column: Column, columns: Columns) -> float:
    """The time between first and last request of a value that comes again, on average, as a share of all the time: a
    third by chance, little for a session."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for request, code in column.of_request.items():
        first[code] = min(first.get(code, request), request)
        last[code] = max(last.get(code, request), request)
    again = [last[code] - start for code, start in first.items() if last[code] > start]
    return sum(again) / len(again) / columns.lines if again else 1.0


def within_requests(column: Column, columns: Columns) -> tuple[float, int]:
    """How far one request has one value, over lines of the same request."""
    if columns.request_id is None:
        return 0.0, 0
    return agreement((columns.requests[line], code) for line, code in zip(column.lines, column.codes, strict=True))


def belongs(finer: Column, coarser: Column, columns: Columns) -> tuple[float, int]:
    """How far a value of one field belongs to one of the other, at different times: a user to a customer."""
    other = coarser.of_request
    first = {
        (code, columns.slices[request]): other[request]
        for request, code in reversed(finer.of_request.items())
        if request in other
    }
    return agreement((code, second) for (code, _), second in first.items())


def overlaps(brief: Column, whole: Column, columns: Columns) -> tuple[float, float]:
    """How often brief values (sessions, addresses) that belong to one value are there at the same time, as a share of
    what chance makes, and how often chance makes it.

    About 1 for a customer, whose users come and go independently; near 0 for a user, who does one thing after another.
    Time is counted in lines with brief values of others, so that busy hours do not count as company.
    """
    spans: dict[int, tuple[int, int]] = {}
    owners: dict[int, int] = {}
    own = Counter(brief.codes)
    for time, (line, code) in enumerate(zip(brief.lines, brief.codes, strict=True)):
        spans[code] = (spans[code][0] if code in spans else time, time)
        owner = whole.of_request.get(columns.requests[line])
        if owner is not None:
            owners.setdefault(code, owner)
    by_owner = defaultdict(list)
    times: Counter[int] = Counter()
    for code, owner in owners.items():
        start, end = spans[code]
        by_owner[owner].append((start, end))
        times[owner] += max(0, end - start + 1 - own[code])
    observed = expected = 0.0
    for owner, found in by_owner.items():
        expected += (len(found) - 1) * times[owner] / len(brief.lines)
        ends: list[int] = []
        for start, end in sorted(found):
            while ends and ends[0] < start:
                heappop(ends)
            observed += len(ends)
            heappush(ends, end)
    return (observed / expected if expected else 0.0), expected


def bound_to_place(column: Column, columns: Columns) -> float:
    """How far the statement that wrote a line determines the value, or the value the service."""
    cells = list(zip(column.lines, column.codes, strict=True))
    of_statement, _ = agreement((columns.statements[line], code) for line, code in cells)
    to_service, _ = agreement((code, columns.services[line]) for line, code in cells)
    return max(of_statement, to_service)
