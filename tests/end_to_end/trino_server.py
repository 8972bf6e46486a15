"""Trino, the engine that Athena is (engine version 3), as a server on this machine that reads the emulator's lake.

It takes tables, partitions and views from the emulator's Glue, as CloudFormation and the functions put them there, and
reads the Parquet files from its S3: nothing is defined or copied for Trino, so what it finds is what Athena would find.
`make trino` fetches it; `missing()` says what it lacks.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from functions.aws.athena import Cell
from local.run import ACCOUNT, REGION, ROOT, free_port

HOME = ROOT / ".cache" / "trino"
LAUNCHER = Path(__file__).parent / "engine" / "Engine.java"
CATALOG = "awsdatacatalog"
START_TIMEOUT_SECONDS = 120
QUERY_TIMEOUT_SECONDS = 120
_USER = {"X-Trino-User": "athena"}


class TrinoError(Exception):
    """A statement that Trino refused or that failed; the message begins with the name of the error."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Names and types of the columns, as Trino writes types, rows in order, and the hours that were read, by table."""

    columns: list[tuple[str, str]]
    rows: list[dict[str, Cell]]
    hours: dict[str, set[str]]


def missing() -> str:
    """Why Trino cannot run here; empty where it can."""
    if not (HOME / "setup.stamp").exists():
        return "Trino is missing; `make trino` fetches it"
    try:
        said = subprocess.run([_java(), "-version"], capture_output=True, text=True, check=True, timeout=30).stderr
    except (OSError, subprocess.SubprocessError):
        return "Trino needs a JDK 17, and there is no Java"
    version = re.search(r'version "(\d+)', said)
    # Hadoop's libraries in the Hive connector use what Java 24 no longer has
    if version is None or not 17 <= int(version[1]) < 24:
        return f"Trino needs a JDK from 17 to 23, not {said.splitlines()[0]}"
    return ""


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else shutil.which("java") or "java"


class Trino:
    """A server with its state in `folder`, over the Glue and S3 at `endpoint`; use it as a context manager."""

    def __init__(self, folder: Path, endpoint: str, database: str) -> None:
        self._folder, self._database = folder, database
        self._url = f"http://127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None
        self._configure(endpoint)

    def _configure(self, endpoint: str) -> None:
        keys = ("aws-access-key", ACCOUNT), ("aws-secret-key", "test"), ("region", REGION)
        glue = {f"hive.metastore.glue.{name}": value for name, value in keys}
        s3 = {f"s3.{name}": value for name, value in keys}
        _write(
            self._folder / "catalog" / f"{CATALOG}.properties",
            {
                "connector.name": "hive",
                "hive.metastore": "glue",
                "hive.metastore.glue.endpoint-url": endpoint,
                # the emulator gives every segment all partitions
                "hive.metastore.glue.partitions-segments": 1,
                **glue,
                "fs.hadoop.enabled": "false",
                "fs.native-s3.enabled": "true",
                "s3.endpoint": endpoint,
                "s3.path-style-access": "true",
                **s3,
                # Athena shows a timestamp in milliseconds, and these are both their defaults
                "hive.timestamp-precision": "MILLISECONDS",
                "hive.parquet.use-column-names": "true",
                "hive.non-managed-table-writes-enabled": "true",
            },
        )
        _write(
            self._folder / "config.properties",
            {
                "coordinator": "true",
                "node-scheduler.include-coordinator": "true",
                "node.environment": "tests",
                "node.bind-ip": "127.0.0.1",
                "node.internal-address": "127.0.0.1",
                "http-server.http.port": self._url.rsplit(":", 1)[1],
                "discovery.uri": self._url,
                "plugin.dir": HOME / "plugin",
                "catalog.config-dir": self._folder / "catalog",
                "query.max-memory-per-node": "300MB",
                "memory.heap-headroom-per-node": "200MB",
            },
        )

    def __enter__(self) -> Self:
        options = [
            "-Xmx1g",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:ReservedCodeCacheSize=256m",
            "-Djdk.attach.allowAttachSelf=true",
        ]
        settings = [f"-Dconfig={self._folder / 'config.properties'}", "-cp", f"{HOME / 'lib'}/*"]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [_java(), *options, *settings, str(LAUNCHER), "athena-3"],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                tail = (self._folder / "log").read_text(errors="replace").splitlines()[-30:]
                raise TrinoError("the server does not start:\n" + "\n".join(tail))
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()  # it keeps nothing
            self._process.wait()

    def _answers(self) -> bool:
        try:
            return not _get(f"{self._url}/v1/info")["starting"]
        except OSError:
            return False

    def ask(self, sql: str, parameters: Sequence[str] = ()) -> Answer:
        """Run one statement; with `parameters`, SQL literals for its `?`, as Athena runs it with ExecutionParameters.

        That is PREPARE and EXECUTE ... USING: https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
        """
        if parameters:
            quoted = sql.replace("'", "''")
            sql = f"EXECUTE IMMEDIATE '{quoted}' USING {', '.join(parameters)}"
        columns: list[tuple[str, str]] = []
        rows: list[dict[str, Cell]] = []
        for page in self._pages(sql):
            columns = columns or [(each["name"], each["type"]) for each in page.get("columns", [])]
            readers = [_reader(kind) for _, kind in columns]
            for row in page.get("data", []):
                cells = zip(columns, readers, row, strict=True)
                rows.append({name: None if cell is None else read(cell) for (name, _), read, cell in cells})
        return Answer(columns, rows, self._hours(page["id"]))

    def _pages(self, sql: str) -> Iterator[dict[str, Any]]:
        """https://trino.io/docs/435/develop/client-protocol.html"""
        headers = {
            **_USER,
            "X-Trino-Catalog": CATALOG,
            "X-Trino-Schema": self._database,
            "X-Trino-Time-Zone": "UTC",
        }
        deadline = time.monotonic() + QUERY_TIMEOUT_SECONDS
        page = _get(f"{self._url}/v1/statement", headers, sql)
        while True:
            if "error" in page:
                error = page["error"]
                raise TrinoError(f"{error['errorName']}: {error['message']}")
            yield page
            if "nextUri" not in page:
                return
            if time.monotonic() > deadline:
                raise TrinoError(f"TIMEOUT: no answer within {QUERY_TIMEOUT_SECONDS} s")
            page = _get(page["nextUri"])

    def _hours(self, query_id: str) -> dict[str, set[str]]:
        """The partitions that a query that is over has read, as the Hive connector tells them."""
        hours: dict[str, set[str]] = {}
        for read in _get(f"{self._url}/v1/query/{query_id}", _USER)["inputs"]:
            # what is no table of the connector has no partitions
            partitions = read.get("connectorInfo", {}).get("partitionIds", [])
            hours.setdefault(read["table"], set()).update(each.removeprefix("hour=") for each in partitions)
        return hours


def _get(url: str, headers: dict[str, str] | None = None, body: str | None = None) -> Any:
    request = urllib.request.Request(url, data=body.encode() if body else None, headers=headers or {})
    with urllib.request.urlopen(request, timeout=QUERY_TIMEOUT_SECONDS) as answer:
        return json.load(answer)


def _reader(kind: str) -> Callable[[Any], Cell]:
    """From JSON to what `functions.aws.athena` makes of Athena's text."""
    if kind.startswith("decimal"):
        return float
    if kind == "double":
        return lambda value: None if value == "NaN" else float(value)
    if kind.startswith("timestamp"):
        return lambda value: datetime.fromisoformat(f"{value.removesuffix(' UTC')}+00:00")
    return lambda value: value


def _write(path: Path, properties: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
