from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from feeding import payload
from test_find_tenants import company

from cli import find_customers
from cli.errors import CommandError
from functions.core.usage.find_tenants import Candidate


def said(path: Path, format: str = "table") -> str:
    out = io.StringIO()
    assert find_customers.run([str(path)], format, out, io.StringIO()) == 0
    return out.getvalue()


@pytest.fixture
def telemetry(tmp_path: Path) -> Path:
    lines = [{"timestamp": time + 1_764_000_000_000, "service": name} | line for time, name, line in company(900)]
    (tmp_path / "telemetry.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def test_the_customer_is_said_with_its_evidence_and_the_line_for_the_settings(telemetry: Path) -> None:
    text = said(telemetry)
    assert "The customer is cust:" in text
    assert "a value of who belongs to one of its values" in text
    assert '"tenant_keys": ["cust"]' in text
    assert 'tenant = ["cust"]' in text


def test_programs_get_the_same_as_json(telemetry: Path) -> None:
    proposal = json.loads(said(telemetry, "json"))
    assert proposal["tenant_keys"] == ["cust"]
    assert proposal["found"] == proposal["candidates"][0]
    assert proposal["lines"] == 900


def test_keys_are_as_the_setting_has_them() -> None:
    paths = ("requestContext.authorizer.org", "attributes.tenant.id", "ctx.org", "org")
    found = Candidate(paths, 1, 1, 1, (), ())
    assert find_customers.keys_of(found) == ["org", "tenant.id", "ctx.org"]
    assert find_customers.names_of(found) == ["requestContext.authorizer.org", "tenant.id", "ctx.org", "org"]


def test_that_there_is_no_customer_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(payload(*(json.dumps({"took": n, "level": "INFO"}) for n in range(100))))
    assert "No customer field found" in said(tmp_path)
    assert json.loads(said(tmp_path, "json"))["tenant_keys"] == []


def test_text_alone_cannot_say_it(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("hello\n")
    with pytest.raises(CommandError, match="no JSON objects found"):
        said(tmp_path)


def test_a_file_that_cannot_be_read_is_named(telemetry: Path) -> None:
    err = io.StringIO()
    paths = [str(telemetry / "absent.log"), str(telemetry)]
    assert find_customers.run(paths, "json", io.StringIO(), err) == 1
    assert "absent.log: No such file or directory" in err.getvalue()
