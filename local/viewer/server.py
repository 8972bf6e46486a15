"""A small web server for one browser on this machine.

It answers only who names it by its own address (a page of another site that resolves to 127.0.0.1 does not), takes
questions only from its own pages, and tells the browser to run and load nothing that does not come from here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local.run import NODE_MODULES, ROOT
from local.viewer import markdown
from local.viewer.console import Console, Json, Period

PAGE = Path(__file__).parent / "page"
RUNBOOKS = ROOT / "docs" / "runbooks"
LARGEST_QUESTION = 2_000_000
_FONT = NODE_MODULES / "@fontsource-variable" / "inter" / "files"
_FILES = {
    "/": PAGE / "index.html",
    **{f"/page/{file.name}": file for file in PAGE.iterdir()},
    "/library/uplot.js": NODE_MODULES / "uplot" / "dist" / "uPlot.esm.js",
    "/library/uplot.css": NODE_MODULES / "uplot" / "dist" / "uPlot.min.css",
    "/library/purify.js": NODE_MODULES / "dompurify" / "dist" / "purify.es.mjs",
    "/library/inter.woff2": _FONT / "inter-latin-wght-normal.woff2",
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
# styles are open because custom widgets bring their own; what a style may load is closed by the other directives
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types dompurify"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class RefusedError(Exception):
    """A request that is not answered, with its HTTP status and why."""


class Viewer(ThreadingHTTPServer):
    """Serves the dashboards of `console` on 127.0.0.1; port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, console: Console, port: int = 0) -> None:
        self.console = console
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}


class _Handler(BaseHTTPRequestHandler):
    server: Viewer
    protocol_version = "HTTP/1.1"
    server_version = "tracelake"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, *_: object) -> None:
        """Nobody reads a line per request beside the story."""

    def _answer(self, work: Callable[[], tuple[str, bytes]]) -> None:
        try:
            if self.headers.get("Host") not in self.server.hosts:
                raise RefusedError(HTTPStatus.MISDIRECTED_REQUEST, f"this is {self.server.url}")
            kind, content = work()
            status = HTTPStatus.OK
        except RefusedError as refused:
            self.close_connection = True
            status, (kind, content) = refused.args[0], _json({"error": str(refused.args[1])})
        except (ClientError, BotoCoreError) as error:
            status, (kind, content) = HTTPStatus.BAD_GATEWAY, _json({"error": str(error)})
        try:
            self._send(status, kind, content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the page has been left

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _get(self) -> tuple[str, bytes]:
        path = urlsplit(self.path).path
        if file := _FILES.get(path):
            return _TYPES[file.suffix], file.read_bytes()
        if path == "/api/overview":
            return _json(self.server.console.overview())
        if path == "/api/alarms":
            return _json({"alarms": self.server.console.alarms()})
        if named := re.fullmatch(r"/api/dashboards/([^/]+)", path):
            return _json(self.server.console.dashboard(unquote(named[1])))
        if (named := re.fullmatch(r"/api/runbooks/(\w+)", path)) and (file := RUNBOOKS / f"{named[1]}.md").exists():
            return _json({"html": markdown.with_runbooks(markdown.as_html(file.read_text(encoding="utf-8")))})
        raise RefusedError(HTTPStatus.NOT_FOUND, f"nothing is at {path}")

    def _post(self) -> tuple[str, bytes]:
        console = self.server.console
        try:
            question = self._question()
            if self.path == "/api/metrics":
                period = Period(float(question["start"]), float(question["end"]))
                return _json(console.metrics(question["properties"], period, auto=bool(question["auto"])))
            if self.path == "/api/invoke":
                return _json(console.invoke(str(question["function"]), question["event"]))
        except (ValueError, TypeError, KeyError) as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, error) from error
        raise RefusedError(HTTPStatus.NOT_FOUND, f"nothing is at {self.path}")

    def _question(self) -> Json:
        """The body of a request from an own page: another site can neither send this type nor this origin."""
        origin = urlsplit(self.headers.get("Origin", ""))
        if origin.netloc != self.headers["Host"] or self.headers.get("Content-Type") != "application/json":
            raise RefusedError(HTTPStatus.FORBIDDEN, "only the viewer's own pages may ask")
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_QUESTION:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {LARGEST_QUESTION} bytes")
        question = json.loads(self.rfile.read(length))
        if not isinstance(question, dict):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "a JSON object is expected")
        return question


def _json(value: Any) -> tuple[str, bytes]:
    return "application/json", json.dumps(value, default=str).encode()
