"""The emulator leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from on_the_emulator import wait_for

from local.run import PYTHON, ROOT, Emulator, LocalRunError

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason=f"{PYTHON} is missing; `make setup` provides it")


def _processes_of(folder: Path) -> list[str]:
    found = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={folder}/".encode() in each.read_bytes():
                found.append(each.parent.name)
        except OSError:
            continue
    return found


def test_stopping_leaves_no_process_and_no_folder() -> None:
    with Emulator() as emulator:
        assert emulator.client("sts").get_caller_identity()["Account"] == "123456789012"
        assert _processes_of(emulator.folder)

    assert not _processes_of(emulator.folder)
    assert not emulator.folder.exists()


def test_two_run_side_by_side() -> None:
    with Emulator() as one, Emulator() as other:
        one.client("s3").create_bucket(Bucket="only-here")
        assert other.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_the_program_that_started_it(tmp_path: Path, number: signal.Signals) -> None:
    program = "import signal, sys, time; from pathlib import Path; from local.run import Emulator\n"
    # a shell starts what it runs in the background with interrupts ignored, and so would this program be
    program += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program += "with Emulator(Path(sys.argv[1])): print('started', flush=True); time.sleep(60)"
    starter = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"started\n"
    assert _processes_of(tmp_path)

    os.kill(starter.pid, number)
    starter.communicate(timeout=30)

    wait_for(lambda: not _processes_of(tmp_path))


def test_a_template_that_is_refused_says_why(tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text(
        "from aws_cdk import App, CfnResource, Stack\n"
        "app = App()\n"
        "CfnResource(Stack(app, 'refused'), 'Unknown', type='AWS::Nothing::AtAll')\n"
        "app.synth()\n"
    )
    with Emulator(tmp_path / "emulator") as emulator, pytest.raises(LocalRunError, match="AWS::Nothing::AtAll"):
        emulator.deploy(app)


def test_nobody_but_this_machine_can_reach_it(tmp_path: Path) -> None:
    with Emulator(tmp_path) as emulator:
        own = {str(each.readlink()) for pid in _processes_of(tmp_path) for each in Path(f"/proc/{pid}/fd").iterdir()}
        sockets = [line.split() for table in ("tcp", "tcp6") for line in _lines(Path(f"/proc/net/{table}"))]

    listening = [fields[1] for fields in sockets if fields[3] == "0A" and f"socket:[{fields[9]}]" in own]
    assert listening == [f"0100007F:{emulator.port:04X}"]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:] if path.exists() else []
