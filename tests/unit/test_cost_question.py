"""The question `what_does_tracelake_cost` computes in SQL what functions.core.cost computes from the same commits."""

import pytest
from test_questions_sql import Lake

from functions.core.cost.by_volume import Volume, cost_by_part

COMMITS = [
    # minutes ago, records, raw bytes, stored bytes, files, rows by table
    (5, 120, 48_000_000, 2_500_000, 7, {"spans": 40_000, "logs": 12_000}),
    (20, 3, 40_000, 9_000, 2, {"logs": 17}),
    (130, 1, 900, 0, 0, {}),
    (1439, 9, 1_000_000, 60_000, 4, {"requests": 900, "traffic": 12}),
]


def test_sql_and_python_agree():
    lake = Lake()
    for minutes_ago, records, raw, stored, files, rows in COMMITS:
        lake.put(
            "ingest_ledger",
            minutes_ago,
            records=records,
            raw_bytes=raw,
            stored_bytes=stored,
            files=files,
            rows=list(rows.items()),
        )
    lake.put("ingest_ledger", 1441, records=10**9, raw_bytes=10**12, stored_bytes=10**12, files=10**6, rows=[])
    volume = Volume(
        hours=3,
        commits=len(COMMITS),
        records=sum(commit[1] for commit in COMMITS),
        raw_bytes=sum(commit[2] for commit in COMMITS),
        stored_bytes=sum(commit[3] for commit in COMMITS),
        files=sum(commit[4] for commit in COMMITS),
        rows=sum(sum(commit[5].values()) for commit in COMMITS),
    )
    expected = cost_by_part(volume)
    answer = lake.ask("what_does_tracelake_cost")
    assert {row["part"]: row["usd"] for row in answer} == pytest.approx(expected, abs=2e-6)
    assert answer[0]["all_usd"] == pytest.approx(sum(expected.values()), abs=2e-6)
    assert sum(row["share_pct"] for row in answer) == pytest.approx(100, abs=0.5)
    per_gb = sum(expected.values()) / volume.raw_bytes * 1e9
    assert answer[0]["usd_per_raw_gb"] == pytest.approx(per_gb, rel=1e-3)
    assert [row["usd"] for row in answer] == sorted((row["usd"] for row in answer), reverse=True)
