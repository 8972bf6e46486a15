"""Arguments that several subcommands have."""

from __future__ import annotations

import argparse


def add_place(parser: argparse.ArgumentParser) -> None:
    """Which deployment is meant."""
    parser.add_argument("--stage", help="the deployment (default: main)")
    parser.add_argument("--local", action="store_true", help="the stack that runs on this machine")
