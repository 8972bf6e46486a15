"""`make console`: the dashboards of the stack that runs on this machine."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType

from local.run import CURRENT
from local.viewer.console import Console
from local.viewer.server import Viewer

PORT = 8440


def serve(
    environment: Mapping[str, str],
    stage: str,
    port: int = PORT,
    say: Callable[[str], None] = print,
) -> None:
    """Serves the dashboards of a running stack, says where, and goes on until it is interrupted."""
    console = Console(environment, stage)
    try:
        viewer = Viewer(console, port)
    except OSError:  # another viewer runs already
        viewer = Viewer(console)
    with viewer:
        say(f"Dashboards of stage {stage}: {viewer.url}  (Ctrl-C ends this)")
        sys.stdout.flush()
        viewer.serve_forever()


def _running(current: Path) -> dict[str, dict[str, str]] | None:
    """What a running stack announced; None where there is none, or not any more."""
    try:
        running: dict[str, dict[str, str]] = json.loads(current.read_text())
        with urllib.request.urlopen(f"{running['endpoint']}/_ministack/health", timeout=2):
            return running
    except (OSError, ValueError, KeyError):
        return None


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Serves until Ctrl-C; 1 where no stack runs."""
    parser = argparse.ArgumentParser(prog="make console", description="Shows the dashboards of the local stack.")
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"where to serve; {PORT}, or a free one where it is taken"
    )
    parser.add_argument("--current", type=Path, default=CURRENT, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    running = _running(arguments.current)
    if running is None:
        print("No local stack is running. `make demo` starts one and serves its dashboards;", file=sys.stderr)
        print("`make demo KEEP=1` keeps it without a terminal.", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _stop)
    with suppress(KeyboardInterrupt):
        serve(running["environment"], str(running["stage"]), arguments.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
