"""Every alarm has a runbook that helps, and nothing in it or in the data file leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.main import _parser
from docs import generate
from functions.core.cost.prices import PRICES
from functions.core.incidents.rules import RULES, Rule
from functions.core.questions import load_all
from stacks.names import Names
from stacks.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["What it means", "How to see it", "What to do"]
PAGES = sorted(path.stem for path in RUNBOOKS.glob("*.md"))
# metrics of AWS that alarms use: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html and
# https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
OF_AWS = {
    "AWS/Lambda": {"Errors", "Throttles", "IteratorAge"},
    "AWS/Kinesis": {"WriteProvisionedThroughputExceeded"},
}
COMMAND = re.compile(r"tracelake (ask|retry-rejected|rows|price)((?: [^\s`.,;:)]+)*)")


def _page(name: str) -> str:
    return (RUNBOOKS / f"{name}.md").read_text()


def _sections(page: str) -> dict[str, str]:
    parts = re.split(r"^## (.*)\n", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_runbook_is_that_of_an_alarm_and_every_alarm_has_one() -> None:
    assert {rule.runbook for rule in RULES.values()} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_runbook_says_what_it_means_how_to_see_it_and_what_to_do(name: str) -> None:
    found = _sections(_page(name))
    assert list(found) == SECTIONS
    assert all(len(text.split()) >= 15 for text in found.values())
    assert (
        "Dashboard `tracelake-main-" in found["How to see it"] or "tracelake retry-rejected" in found["How to see it"]
    )
    assert re.search(r"^      \S", found["How to see it"], re.MULTILINE), "no query or command"
    assert found["What to do"].lstrip().startswith("1. ")


@pytest.mark.parametrize("name", PAGES)
def test_links_in_a_runbook_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", _page(name)):
        assert (RUNBOOKS / target).exists(), target


@pytest.mark.parametrize("name", PAGES)
def test_commands_in_a_runbook_exist(name: str) -> None:
    for command, arguments in COMMAND.findall(_page(name)):
        given = [word for word in arguments.split() if word != "\\"]
        if command == "ask" or "--" in arguments:
            _parser().parse_args([command, *given])
        if command == "ask":
            assert given[0] in load_all()


@pytest.mark.parametrize("name", PAGES)
def test_dashboards_and_log_groups_in_a_runbook_exist(name: str) -> None:
    dashboards = {Names("main").dashboard(subject, "").rstrip("-") for subject in ("application", "pipeline")}
    assert set(re.findall(r"Dashboard `([^`]+)`", _page(name))) <= dashboards
    widgets = "".join(path.read_text() for path in (ROOT / "stacks" / "dashboards").glob("*.py"))
    for line in re.findall(r"Dashboard `[^`]+`: ([^`]*?)(?:\n-|\n\n)", _page(name)):
        for title in re.findall(r"\*([^*]+)\*", line):
            assert f'"{" ".join(title.split())}"' in widgets, title
    for function in re.findall(r"/tracelake/main/(\w+)", _page(name)):
        assert function == "topic" or (ROOT / "functions" / function / "handler.py").exists()


@pytest.mark.parametrize("name", RULES)
def test_an_alarm_explains_itself(name: str) -> None:
    rule: Rule = RULES[name]
    assert rule.page == f"docs/runbooks/{rule.runbook}.md"
    assert len(rule.reason.split()) >= 12
    assert rule.floor
    assert rule.means.endswith(".")
    assert all(step.endswith((".", "?")) for step in rule.do)
    assert bool(rule.over) == rule.recovers
    assert rule.beyond <= rule.of
    assert not rule.question or rule.question in load_all()
    # a day is the longest that an alarm may look at: API_PutMetricAlarm.html
    assert rule.of * rule.minutes <= 1440
    assert set(re.findall(r"\b[a-z]+\b", rule.expression)) <= set(rule.metrics)


@pytest.mark.parametrize("name", RULES)
def test_the_price_of_an_alarm_is_that_of_its_metrics(name: str) -> None:
    assert RULES[name].usd == pytest.approx(len(RULES[name].metrics) * PRICES.usd("cloudwatch_alarm_metric"))


def test_every_metric_of_an_alarm_is_one_that_the_code_or_aws_emits() -> None:
    emitted = "".join(
        path.read_text() for path in (ROOT / "functions").rglob("*.py") if path.parent.name != "incidents"
    )
    for rule in RULES.values():
        for source in rule.metrics.values():
            namespace = source.namespace or ("AWS/Lambda" if source.function else "")
            if namespace:
                assert source.name in OF_AWS[namespace]
            else:
                assert f'"{source.name}"' in emitted, source.name
            assert not source.function or (ROOT / "functions" / source.function / "handler.py").exists()


def test_a_message_of_every_severity_and_both_tellers_is_used() -> None:
    assert {rule.severity for rule in RULES.values()} == {"critical", "high", "medium"}
    assert {rule.told for rule in RULES.values()} == {"people", "notify"}


def test_the_table_of_alarms_is_fresh() -> None:
    page = (ROOT / "docs" / "alarms.md").read_text()
    assert generate.render(page) == page


def test_every_alarm_that_is_no_default_can_be_asked_for() -> None:
    extra = tuple(name for name, rule in RULES.items() if not rule.default and not rule.setting)
    assert Settings(extra_alarms=extra).extra_alarms == extra
