"""`make console` where no stack runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from local.run import ROOT


@pytest.mark.parametrize("announced", [None, {"endpoint": "http://127.0.0.1:9", "environment": {}, "stage": "main"}])
def test_it_says_what_to_do_and_ends(tmp_path, announced):
    current = tmp_path / "current.json"
    if announced:
        current.write_text(json.dumps(announced))
    command = [sys.executable, "-m", "local.viewer", "--current", str(current)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "make demo" in done.stderr
    assert "Traceback" not in done.stderr
