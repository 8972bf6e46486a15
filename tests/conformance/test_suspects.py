"""``tracelake suspects`` names the service in which a fault was injected, in labelled incidents of two systems.

The data are not part of this repository; where ../shared/rca is absent, these tests are skipped. One case of each kind
of fault of each system is tried; TRACELAKE_EXAMPLES set to anything tries all 19 (a minute).
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from cli import suspects

CASES = Path(__file__).parents[3] / "shared" / "rca"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the labelled incidents are not here (../shared/rca)")

LABELLED: list[dict[str, Any]] = json.loads((CASES / "CASES.json").read_text()) if CASES.is_dir() else []
ALL = bool(os.environ.get("TRACELAKE_EXAMPLES"))
TRIED = list({(c["system"], c["fault_type"], ALL and c["case"]): c for c in LABELLED}.values())


def test_the_service_with_the_fault_comes_first() -> None:
    first = {case["case"]: _ranked(case)[0]["service"] for case in TRIED}
    wrong = {case["case"]: first[case["case"]] for case in TRIED if first[case["case"]] != case["root_cause_service"]}
    assert len(wrong) <= len(TRIED) // 10, wrong


def _ranked(case: dict[str, Any]) -> list[dict[str, Any]]:
    files = [
        [str(CASES / case[time][kind]) for kind in ("file", "logs") if case[time].get(kind)]
        for time in ("baseline", "incident")
    ]
    out = io.StringIO()
    suspects.run(*files, rules="", as_json=True, out=out)
    found: list[dict[str, Any]] = json.loads(out.getvalue())["suspects"]
    return found
