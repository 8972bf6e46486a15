"""The demo itself: it comes to its end, or ends in order."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAST_LINE = re.compile(r"events in ([\d,]+) = stored ([\d,]+) \+ folded ([\d,]+) \+ rejected 1, difference 0")


@pytest.fixture
def demo(tmp_path):
    """Starts the demo with temporary folders of its own; afterwards none of them and no process may be left."""
    # a profile, an endpoint and a proxy that would lead elsewhere, and to an error
    elsewhere = {
        "AWS_PROFILE": "production",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    environment = {**os.environ, **elsewhere, "TMPDIR": str(tmp_path), "NO_COLOR": "1"}
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-m", "local.demo"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
    assert list(tmp_path.iterdir()) == []
    assert _processes_of(tmp_path) == []


def _processes_of(folder: Path) -> list[str]:
    """Programs that work in a folder or were told its name."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            known = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in known and process.name != str(os.getpid()):
            found.append(process.name)
    return found


def test_the_story_comes_to_its_end_and_every_event_is_accounted_for(demo):
    out, err = demo().communicate(timeout=280)
    *_, last = out.splitlines()
    assert LAST_LINE.fullmatch(last), f"{out}\n{err}"
    assert "Who: all customers with plan business in region eu, and nobody else" in " ".join(out.split())
    assert "Subject: " in out
    assert "\x1b" not in out


@pytest.mark.parametrize(("number", "status"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_in_order(demo, number, status):
    process = demo()
    while "emulator of AWS" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(2)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == status
