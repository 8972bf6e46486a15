"""Calls that functions made in tests: of this process, and of the suites that it did not run."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

from recorded_calls import SUITES, Distinct

from authorization.calls import Call

ROOT = Path(__file__).resolve().parents[3]


def calls(noted: Distinct, folder: Path) -> list[Call]:
    """All calls; the tests that make them must pass."""
    missing = [suite for suite in SUITES if ROOT / suite not in noted.files]
    return [Call(*each) for each in [*noted.calls.values(), *(_of(missing, folder) if missing else [])]]  # type: ignore[arg-type]


def _of(suites: list[str], folder: Path) -> list[tuple[object, ...]]:
    path = folder / "calls.pickle"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--calls-to={path}", *suites]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    found: list[tuple[object, ...]] = pickle.loads(path.read_bytes())
    return found
