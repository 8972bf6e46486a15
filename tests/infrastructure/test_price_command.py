"""`tracelake price` prints what the templates cost, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from template_reading import Template

from cli.main import main
from functions.core.cost import at_rest
from functions.core.cost.prices import PRICES


@pytest.fixture
def folder(tmp_path: Path, templates: dict[str, Template]) -> Path:
    for name, template in templates.items():
        (tmp_path / f"tracelake-main-{name}.template.json").write_text(json.dumps(template))
    return tmp_path


def test_programs_get_every_line_and_the_sums(
    folder: Path, templates: dict[str, Template], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["price", "--templates", str(folder), "--format", "json"]) == 0
    priced = json.loads(capsys.readouterr().out)
    lines = at_rest.lines(templates)
    assert len(priced["at_rest"]["lines"]) == len(lines)
    assert priced["at_rest"]["usd_a_month"] == pytest.approx(at_rest.total(lines)[0], abs=1e-3)
    assert priced["at_rest"]["usd_a_month_after_free"] == pytest.approx(at_rest.total(lines)[1], abs=1e-3)
    assert (priced["as_of"], priced["region"]) == (PRICES.as_of, PRICES.region)
    assert all(line["source"].startswith("https://") for line in priced["at_rest"]["lines"])
    assert [month["usd"] for month in priced["months"]] == sorted(month["usd"] for month in priced["months"])


def test_people_get_the_day_of_the_prices_the_sum_and_what_free_means(
    folder: Path, templates: dict[str, Template], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["price", "--templates", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"List prices of us-east-1, {PRICES.as_of}")
    total = next(line for line in shown.splitlines() if line.split()[:2] == ["a", "month"])
    assert float(total.split()[-1]) == pytest.approx(at_rest.total(at_rest.lines(templates))[1], abs=1e-3)
    assert "as far as nobody else in the account uses it" in shown


def test_a_setting_changes_the_price(capsys: pytest.CaptureFixture[str]) -> None:
    prices = []
    for shards in (1, 3):
        assert main(["price", "--set", f"shards={shards}", "--format", "json"]) == 0
        prices.append(json.loads(capsys.readouterr().out)["at_rest"]["usd_a_month"])
    assert prices[1] - prices[0] == pytest.approx(2 * 10.95)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "shards"], "--set takes KEY=VALUE, not 'shards'"),
        (["--set", "shards=0"], "tracelake.shards is 0, but must be a whole number"),
        (["--set", "price=1"], "tracelake.price is not a setting"),
        (["--templates", "/nonexistent"], "/nonexistent holds no templates"),
    ],
)
def test_what_cannot_be_priced_is_said_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["price", *arguments]) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_broken_template_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tracelake-main-data.template.json").write_text("{")
    assert main(["price", "--templates", str(tmp_path)]) == 1
    assert "holds a template that is no JSON" in capsys.readouterr().err
