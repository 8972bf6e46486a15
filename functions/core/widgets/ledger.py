"""The widget of the ledger: what came in and what became of it, hour by hour, and what that cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from functions.core.budget import Status
from functions.core.cost.by_volume import Volume, cost
from functions.core.ledger import OUTCOMES, difference
from functions.core.schema import hour_start_ms
from functions.core.summaries import Ledger
from functions.core.widgets.page import note, page, text
from functions.core.widgets.parts import Column, View, meter, plural, summary, table

MOST_ROWS = 24

DOCS = """## Ledger

Every event that entered the stream is accounted for once: *stored* as a row, *folded* into the row of its invocation,
*rejected* into the dead-letter bucket, or *sampled*: left out because the budget is spent, where that was opted in. The
difference has to be 0. Hours are those of the commit. The cost is that of the pipeline for what it took in, without
what it costs at rest; that of the budget has both.

| parameter | meaning |
|---|---|
| `widget` | `ledger` |

```yaml
widget: ledger
```
"""

_CLASSES = {"stored": "", "folded": "tl-folded", "rejected": "tl-failed", "sampled": "tl-sampled"}


def render(hours: Sequence[tuple[str, Ledger]], view: View, budget: Status | None = None) -> str:
    """The widget as HTML; ``hours`` are the summaries of the range by hour, oldest first."""
    context, total = view.context, Ledger()
    known = [(hour, each) for hour, each in hours if each.sums["commits"]]
    if not known:
        return empty(view)
    spent = _budget(view, budget) if budget else ""
    for _, each in known:
        total.merge(each)
    sums, off = total.sums, difference(total.sums)
    verdict = (
        '<b class="tl-good">Every event is accounted for</b>'
        if off == 0
        else f'<b class="tl-bad">{context.number(off)} events are not accounted for</b>'
    )
    head = summary(
        view,
        verdict,
        plural(context, sums["events"], "event"),
        f"<b>{context.dollars(_cost(known))}</b> so far" if sums["commits"] else "",
    )
    shown, earlier = known[::-1][:MOST_ROWS], known[::-1][MOST_ROWS:]
    longest = max(each.sums["events"] for _, each in shown)
    digits = len(context.number(longest))
    rows = [_row(view, hour, each, longest, digits) for hour, each in shown]
    if earlier:
        before = Ledger()
        for _, each in earlier:
            before.merge(each)
        rows.append(_row(view, "", before, 0, digits, f"{len(earlier)} hours before"))
    return page(context, head + _key(view, sums) + spent + table(context, _columns(), rows) + _foot(view, total))


def empty(view: View) -> str:
    """Nothing was committed."""
    return note(
        view.context,
        "No commits in this time range",
        f"<p>{text(view.hours.words(view.context))}</p><p>Nothing came through the stream, or normalize does not run. "
        "Look at <b>Subscriptions</b> for log groups that are not read, and at the lag above.</p>",
    )


def _cost(hours: Sequence[tuple[str, Ledger]]) -> float:
    total = Ledger()
    for _, each in hours:
        total.merge(each)
    counts = {name: total.sums[name] for name in ("commits", "records", "raw_bytes", "stored_bytes", "files", "rows")}
    return cost(Volume(hours=len(hours), **counts))


def _key(view: View, sums: dict[str, int]) -> str:
    parts = [
        f'<span class="tl-key"><i class="{_CLASSES[name]}"></i>{name} '
        f'<b style="font-size:inherit">{view.context.number(sums[name])}</b></span>'
        for name in OUTCOMES
    ]
    return f'<div class="tl-sum">{"".join(parts)}</div>'


def _budget(view: View, budget: Status) -> str:
    """What the month has cost, and which lines are left out because of it."""
    context = view.context

    def when(ms: int) -> str:
        return text(context.clock(datetime.fromtimestamp(ms / 1000, UTC)))

    state = "tl-bad" if budget.usd >= budget.budget_usd else ""
    lines = [
        f'Budget of {text(budget.month)}: about <b class="{state}">{context.dollars(budget.usd)}</b> of '
        f"{context.dollars(budget.budget_usd)}, {context.dollars(budget.projected_usd)} at the end of the month as it "
        f"goes on now (looked at {when(budget.at_ms)})."
    ]
    lines += [
        f'<b class="tl-warn">Left out:</b> {each.one_in - 1} in {each.one_in} DEBUG, TRACE and INFO lines of '
        f"{text(each.log_group)}, from {when(each.since_ms)} to {when(each.until_ms)}."
        for each in budget.periods
    ]
    return "".join(f'<div class="tl-foot">{line}</div>' for line in lines)


def _columns() -> list[Column]:
    return [
        Column("Hour", 104, css="tl-name"),
        Column("Events"),
        Column("Rejected", 84),
        Column("Difference", 94, 360),
        Column("In", 84, 640, hint="raw bytes"),
        Column("Kept", 84, 640, hint="bytes of Parquet"),
        Column("Longest lag", 100, 760, hint="from arrival in the stream to the commit"),
    ]


def _row(view: View, hour: str, each: Ledger, longest: int, digits: int, label: str = "") -> list[str]:
    context, sums = view.context, each.sums
    parts = [(_CLASSES[name], 100 * sums[name] / longest) for name in OUTCOMES] if longest else None
    off = difference(sums)
    refused = context.number(sums["rejected"])
    return [
        label or text(context.clock(datetime.fromtimestamp(hour_start_ms(hour) / 1000, UTC))),
        meter(context, sums["events"], parts, digits),
        f'<span class="{"tl-warn" if sums["rejected"] else "tl-quiet"}">{refused}</span>',
        f'<span class="{"tl-bad" if off else "tl-good"}">{context.number(off)}</span>',
        context.size(sums["raw_bytes"]),
        context.size(sums["stored_bytes"]),
        context.duration(each.longest_lag_ms),
    ]


def _foot(view: View, total: Ledger) -> str:
    context, sums = view.context, total.sums
    smaller = (
        f", {context.number(sums['raw_bytes'] / sums['stored_bytes'])} times smaller" if sums["stored_bytes"] else ""
    )
    return (
        f'<div class="tl-foot">{context.number(sums["commits"])} commits of {context.number(sums["records"])} records '
        f"made {context.number(sums['rows'])} rows: {context.size(sums['raw_bytes'])} became "
        f"{context.size(sums['stored_bytes'])}{smaller}. "
        f"{context.number(sums['duplicates'])} records came twice and were dropped. "
        f"In {context.number(sums['redacted'])} values something private was hidden.</div>"
    )
