"""Who the viewer's server answers."""

from __future__ import annotations

import http.client
import json

import pytest


def ask(viewer, method="GET", path="/api/overview", headers=None, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", viewer.server_port, timeout=10)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    answer = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return answer


def test_it_listens_on_loopback_alone(viewer):
    assert viewer.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:8440"])
def test_a_page_that_resolves_to_this_machine_gets_nothing(viewer, host):
    status, headers, body = ask(viewer, headers={"Host": host})
    assert status == 421
    assert b"dashboards" not in body
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "application/json", "Origin": "https://evil.example"},
        {"Content-Type": "application/json", "Origin": "null"},
        {"Content-Type": "text/plain", "Origin": "own"},
    ],
)
def test_another_site_cannot_have_a_function_called(viewer, headers):
    sent = {**headers, **({"Origin": viewer.url} if headers.get("Origin") == "own" else {})}
    status, _, _ = ask(viewer, "POST", "/api/invoke", sent, json.dumps({"function": "test-acting", "event": {}}))
    assert status == 403


def test_it_answers_its_own_pages(viewer):
    headers = {"Content-Type": "application/json", "Origin": viewer.url}
    question = json.dumps({"function": "test-acting", "event": {"describe": True}})
    status, _, body = ask(viewer, "POST", "/api/invoke", headers, question)
    assert (status, json.loads(body)) == (200, {"html": "none"})


def test_nothing_runs_or_loads_from_elsewhere(viewer):
    _, headers, _ = ask(viewer, path="/")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/page/../server.py", "/page/%2e%2e/server.py", "//etc/passwd", "/library/", "/page"])
def test_only_its_own_files_are_served(viewer, path):
    assert ask(viewer, path=path)[0] == 404


@pytest.mark.parametrize("body", ["", "[]", "{}", "not json", '{"function": 1}'])
def test_a_question_that_makes_no_sense_is_refused(viewer, body):
    headers = {"Content-Type": "application/json", "Origin": viewer.url}
    assert ask(viewer, "POST", "/api/invoke", headers, body)[0] == 400
