"""Transactions: what belongs together, what it cost, where its time went and who is the cause."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from functions.core.cost.calls import call_usd
from functions.core.traces import transaction
from functions.core.traces.critical_path import CALL, NETWORK, UNKNOWN, WAIT, WORK, critical_path, suspect
from functions.core.traces.facts import Fact
from functions.core.traces.transaction import Transaction, assemble

ORDER, BATCH = "a" * 32, "b" * 32


def span(id_: str, start: float, end: float | None, parent: str | None = None, **more: object) -> Fact:
    given = {"trace_id": ORDER, "service": "shop", "name": id_, "kind": "internal", "status": "ok"} | more
    return Fact("span", start, None if end is None else end - start, span_id=id_, parent_span_id=parent, **given)  # type: ignore[arg-type]


def assembled(*facts: Fact, trace: str | None = ORDER) -> Transaction:
    found = assemble(facts, trace)
    assert found is not None
    return found


def shape(transaction: Transaction) -> list[tuple[int, str]]:
    depth: dict[int, int] = {}
    found = []
    for step in transaction.steps:
        depth[id(step)] = depth[id(step.parent)] + 1 if step.parent else 0
        found.append((depth[id(step)], step.fact.name or step.service))
    return found


def path(transaction: Transaction, *, whole: bool = True) -> list[tuple[str, float, str]]:
    return [(each.who, round(each.duration_ms, 3), each.kind) for each in critical_path(transaction, whole=whole)]


def over_a_queue() -> list[Fact]:
    """An order: HTTP, a call to the payment provider, a message, and what a function does with a batch of four."""
    batch = {"trace_id": BATCH, "service": "fulfil"}
    return [
        span("checkout", 0, 400, kind="server", service="checkout", request_id="r-1", tenant="acme"),
        span("charge", 50, 250, "checkout", kind="client", service="checkout", remote_service="payments.example"),
        span(
            *("send", 300, 310, "checkout"),
            **{"kind": "producer", "service": "checkout", "remote_service": "AWS::SQS"},
            remote_operation="SendMessage",
        ),
        span(
            *("fulfil", 900, 1000),
            **batch,
            kind="server",
            request_id="r-2",
            links=((ORDER, "send"), *(("c" * 32, f"other{n}") for n in range(3))),
        ),
        span("put", 910, 960, "fulfil", **batch, kind="client", remote_service="AWS::DynamoDB", remote_operation="Put"),
        Fact(
            "invocation", 0, 400, service="checkout", name="checkout", request_id="r-1", trace_id=ORDER, cost_usd=0.001
        ),
        Fact("invocation", 900, 100, service="fulfil", name="fulfil", request_id="r-2", trace_id=BATCH, cost_usd=0.004),
        Fact("log", 240, service="checkout", kind="INFO", message="charged", trace_id=ORDER, span_id="charge"),
        Fact("log", 950, service="fulfil", kind="INFO", message="stored", request_id="r-2"),
    ]


def test_a_request_is_followed_over_functions_third_parties_and_the_queue() -> None:
    found = assembled(*over_a_queue())
    assert shape(found) == [(0, "checkout"), (1, "charge"), (1, "send"), (2, "fulfil"), (3, "put")]
    assert (found.start_ms, found.end_ms, found.tenant, found.failed) == (0, 1000, "acme", False)
    assert [step.asynchronous for step in found.steps] == [False, False, False, True, False]
    assert {step.fact.name: [line.message for line in step.lines] for step in found.steps if step.lines} == {
        "charge": ["charged"],
        "fulfil": ["stored"],
    }


def test_of_a_batch_a_transaction_bears_its_share_of_the_cost() -> None:
    found = assembled(*over_a_queue())
    send, put = call_usd("AWS::SQS", "SendMessage"), call_usd("AWS::DynamoDB", "PutItem")
    assert 0 < send < put
    assert found.cost_usd == pytest.approx(0.001 + send + (0.004 + put) / 4)
    assert any("batch of 4" in note for note in found.notes)


def test_what_was_done_for_the_one_message_is_not_shared() -> None:
    own = {"kind": "consumer", "service": "fulfil"}
    before = assembled(*over_a_queue()).cost_usd
    message = [
        span("process", 905, 990, "send", **own),
        span("get", 910, 930, "process", kind="client", service="fulfil", remote_service="AWS::S3",
             remote_operation="GetObject"),
    ]  # fmt: skip
    assert assembled(*over_a_queue(), *message).cost_usd - before == pytest.approx(call_usd("AWS::S3", "GetObject"))


def test_each_try_of_an_invocation_costs_and_an_unfinished_one_is_none_beside_its_report() -> None:
    tries = [
        Fact("invocation", start, 100, status, service="f", request_id="r", trace_id=ORDER, cost_usd=0.5)
        for start, status in ((0, "fault"), (60_000, "ok"), (60_000, "ok"))
    ]
    started = Fact("invocation", 60_001, None, None, service="f", request_id="r", trace_id=ORDER)
    found = assembled(span("f", 0, 99, kind="server", service="f", request_id="r"), *tries, started)
    assert found.cost_usd == pytest.approx(1.0)
    assert len(found.steps) == 2


def test_the_critical_path_goes_on_behind_the_queue_and_counts_the_waiting() -> None:
    assert path(assembled(*over_a_queue())) == [
        ("checkout", 50, WORK),
        ("payments.example", 200, CALL),
        ("checkout", 50, WORK),
        ("AWS::SQS", 10, CALL),
        ("AWS::SQS", 590, WAIT),
        ("fulfil", 10, WORK),
        ("AWS::DynamoDB", 50, CALL),
        ("fulfil", 40, WORK),
    ]


def test_what_the_caller_waited_for_ends_with_the_answer() -> None:
    assert path(assembled(*over_a_queue()), whole=False) == [
        ("checkout", 50, WORK),
        ("payments.example", 200, CALL),
        ("checkout", 50, WORK),
        ("AWS::SQS", 10, CALL),
        ("checkout", 90, WORK),
    ]


def test_a_slow_third_party_is_the_suspect_of_a_request_that_did_not_fail() -> None:
    found = suspect(assembled(*over_a_queue()))
    assert found is not None
    assert (found.service, found.reason) == ("payments.example", "50% of the time in a call by checkout")


def test_many_short_calls_of_one_service_are_long_together() -> None:
    calls = []
    for n in range(9):
        calls.append(span(f"call{n}", 100 * n, 100 * n + 90, "root", kind="client", service="api"))
        calls.append(span(f"done{n}", 100 * n + 88, 100 * n + 90, f"call{n}", kind="server", service="currency"))
    found = suspect(assembled(span("root", 0, 900, kind="server", service="api"), *calls))
    assert found is not None
    assert (found.service, found.reason) == ("currency", "88% of the time on the way to it and back, in 9 calls by api")


def test_where_the_time_is_spread_nobody_is_suspected() -> None:
    calls = [span(f"c{n}", 100 * n, 100 * n + 100, "root", service=f"s{n}") for n in range(10)]
    assert suspect(assembled(span("root", 0, 1000, kind="server"), *calls)) is None


def test_a_failure_is_the_fault_of_where_it_began_and_not_of_those_who_passed_it_on() -> None:
    failing = {"status": "fault"}
    found = suspect(
        assembled(
            span("api", 0, 100, kind="server", service="api", **failing),
            span("got over", 5, 9, "api", service="cache", **failing),
            span("call", 10, 90, "api", kind="client", service="api", remote_service="orders", **failing),
            span("orders", 12, 88, "call", kind="server", service="orders", **failing),
            span(
                *("write", 20, 80, "orders"),
                **{"kind": "client", "service": "orders", "remote_service": "AWS::DynamoDB", "status": "throttle"},
                error_type="ThrottlingException",
                message="slow down",
            ),
            span("ok", 20, 30, "orders", service="orders"),
        )
    )
    assert found is not None
    assert (found.service, found.reason) == ("AWS::DynamoDB", "ThrottlingException: slow down")


def test_a_function_that_lambda_ended_says_for_what_it_was_waiting() -> None:
    found = suspect(
        assembled(
            span("checkout", 0, 3000, kind="server", service="checkout", request_id="r-1"),
            span("charge", 100, 3000, "checkout", kind="client", service="checkout", remote_service="payments"),
            Fact("invocation", 0, 3000, service="checkout", status="timeout", request_id="r-1", trace_id=ORDER),
        )
    )
    assert found is not None
    assert found.reason == "Lambda ended it after 3,000 ms; it had called payments for 2,900 ms"


def test_an_error_of_the_caller_is_no_failure_of_the_callee() -> None:
    found = assembled(
        span("api", 0, 100, kind="server", status="error"),
        span("get", 10, 20, "api", kind="client", status="error", remote_service="AWS::DynamoDB"),
    )
    assert not found.failed


def test_a_message_that_fails_later_is_a_failed_transaction_though_its_sender_got_an_answer() -> None:
    facts = [fact for fact in over_a_queue() if fact.name != "fulfil" or fact.fact != "span"]
    facts.append(span("fulfil", 900, 1000, trace_id=BATCH, service="fulfil", status="fault", links=((ORDER, "send"),)))
    assert assembled(*facts).failed


def test_functions_without_spans_are_placed_by_trace_and_time_inside_what_waited_for_them() -> None:
    found = assembled(
        Fact("request", 0, 500, service="api", name="POST /orders", status="ok", trace_id=ORDER),
        Fact(
            "invocation", 20, 400, service="checkout", name="checkout", request_id="r-1", trace_id=ORDER, cost_usd=0.1
        ),
        Fact("invocation", 100, 200, service="price", name="price", request_id="r-2", trace_id=ORDER, cost_usd=0.2),
        Fact("invocation", 100, 200, service="other", name="other", request_id="r-3", trace_id="d" * 32),
    )
    assert shape(found) == [(0, "POST /orders"), (1, "checkout"), (2, "price")]
    assert found.cost_usd == pytest.approx(0.3)
    assert found.notes == ("no spans of checkout, price: placed by trace and time",)


def test_the_gateways_request_stands_before_the_spans_though_its_time_is_of_whole_seconds() -> None:
    found = assembled(
        Fact("request", 5000, 300, service="api", name="POST /orders", trace_id=ORDER),
        span("checkout", 5420, 5690, kind="server"),
    )
    assert shape(found) == [(0, "POST /orders"), (1, "checkout")]
    assert found.start_ms == 5390
    assert found.end_ms == 5690


def test_a_span_whose_parent_never_came_hangs_on_the_root_and_is_counted() -> None:
    found = assembled(span("root", 0, 100), span("lost", 10, 20, "never"), span("below", 12, 15, "lost"))
    assert shape(found) == [(0, "root"), (1, "lost"), (2, "below")]
    assert found.notes == ("1 of 3 spans name a parent that is not there: not written, left out, or still to come",)


def test_a_span_of_lambda_whose_parent_is_lambdas_own_is_the_root() -> None:
    found = assembled(
        span("checkout", 0, 100, "of-lambda"), span("call", 10, 20, "checkout"), span("x", 30, 40, "gone")
    )
    assert shape(found) == [(0, "checkout"), (1, "call"), (1, "x")]
    assert "1 of 3 spans" in found.notes[0]


def test_a_link_counts_where_the_parent_is_missing() -> None:
    facts = [fact if fact.name != "fulfil" else replace(fact, parent_span_id="of-lambda") for fact in over_a_queue()]
    assert shape(assembled(*facts)) == shape(assembled(*over_a_queue()))


def test_what_was_done_for_one_message_of_a_batch_hangs_on_the_invocation_that_did_it() -> None:
    own = {"kind": "consumer", "service": "fulfil"}
    found = assembled(
        *over_a_queue(), span("process", 905, 990, "send", **own), span("again", 2000, 2010, "send", **own)
    )
    assert shape(found)[2:] == [(1, "send"), (2, "fulfil"), (3, "process"), (3, "put"), (2, "again")]


def test_of_several_reports_of_a_span_the_one_that_knows_its_end_counts() -> None:
    found = assembled(span("root", 0, None), span("root", 0, 50), span("root", 0, None))
    assert [(step.start_ms, step.end_ms) for step in found.steps] == [(0, 50)]


def test_parts_that_nothing_joins_are_shown_one_after_another() -> None:
    found = assembled(span("first", 0, 100), span("second", 300, 350))
    assert len(found.roots) == 2
    assert path(found) == [("shop", 100, WORK), ("(unknown)", 200, UNKNOWN), ("shop", 50, WORK)]


def test_the_way_to_a_service_that_writes_spans_is_told_from_its_work() -> None:
    found = assembled(
        span("api", 0, 100, kind="server", service="api"),
        span("call", 10, 90, "api", kind="client", service="api", remote_service="orders"),
        span("orders", 40, 80, "call", kind="server", service="orders"),
    )
    assert path(found) == [
        ("api", 10, WORK),
        ("orders", 30, NETWORK),
        ("orders", 40, WORK),
        ("orders", 10, NETWORK),
        ("api", 10, WORK),
    ]


def test_of_other_transactions_nothing_is_taken() -> None:
    other = [span("x", 0, 10, trace_id="e" * 32), Fact("log", 5, message="no", trace_id="e" * 32)]
    found = assembled(*over_a_queue(), *other)
    assert "x" not in [step.fact.name for step in found.steps]
    assert assemble(other, ORDER) is None


@pytest.mark.parametrize("seed", range(60))
def test_the_path_has_no_gap_and_no_overlap_whatever_parents_links_and_clocks_say(seed: int) -> None:
    random = Random(seed)
    ids = [f"s{n}" for n in range(random.randrange(1, 40))]
    facts = []
    for id_ in ids:
        start = random.uniform(0, 1000)
        facts.append(
            span(
                id_,
                start,
                random.choice([None, start, start + random.uniform(0, 500)]),
                random.choice([None, "never", *ids]),
                kind=random.choice(["client", "server", "producer", "consumer", "internal"]),
                links=tuple((ORDER, random.choice(ids)) for _ in range(random.randrange(3))),
            )
        )
    found = assembled(*facts)
    assert sorted(step.fact.name or "" for step in found.steps) == sorted(ids)
    for whole in (True, False):
        segments = critical_path(found, whole=whole)
        end = found.end_ms if whole else max(root.end_ms for root in found.roots)
        edges = [found.start_ms, *(each.end_ms for each in segments)]
        assert [each.start_ms for each in segments] == edges[:-1]
        assert edges[-1] == end or not segments
    suspect(found)


def request(start: float, duration: float, name: str, **more: object) -> Fact:
    given = {"service": "api", "trace_id": ORDER, "kind": "access_log", "status": "ok", "request_id": f"{name}="} | more
    return Fact("request", start, duration, name=name, **given)  # type: ignore[arg-type]


def api_behind_an_api() -> list[Fact]:
    return [
        span("orders", 20, 390, kind="server"),
        span("call", 50, 350, "orders", kind="client", remote_service="prices.example"),
        span("prices", 80, 330, "call", kind="server", service="prices"),
        span("other", 355, 380, "orders", kind="client"),
    ]


def test_a_gateway_behind_a_gateway_is_a_step_in_the_call_before_what_it_led_to() -> None:
    found = assembled(*api_behind_an_api(), request(60, 280, "GET /prices"), request(0, 400, "POST /orders"))
    assert shape(found) == [
        (0, "POST /orders"),
        (1, "orders"),
        (2, "call"),
        (3, "GET /prices"),
        (4, "prices"),
        (2, "other"),
    ]
    assert not found.notes
    assert found.cost_usd == pytest.approx(2e-6)


def test_whole_seconds_of_both_gateways_do_not_change_who_called_whom() -> None:
    later = [replace(fact, start_ms=fact.start_ms + 5400) for fact in api_behind_an_api()]
    found = assembled(*later, request(5000, 280, "GET /prices"), request(5000, 400, "POST /orders"))
    assert shape(found)[:5] == [(0, "POST /orders"), (1, "orders"), (2, "call"), (3, "GET /prices"), (4, "prices")]


def test_functions_without_spans_behind_two_gateways_stand_one_in_the_other() -> None:
    functions = [
        Fact("invocation", 20, 370, service="orders", name="orders", request_id="r-1", trace_id=ORDER, cost_usd=0.1),
        Fact("invocation", 80, 240, service="prices", name="prices", request_id="r-2", trace_id=ORDER, cost_usd=0.1),
    ]
    found = assembled(*functions, request(0, 400, "POST /orders"), request(60, 280, "GET /prices"))
    assert shape(found) == [(0, "POST /orders"), (1, "orders"), (2, "GET /prices"), (3, "prices")]


def test_a_request_that_nobody_in_the_trace_waited_for_hangs_on_the_first_one() -> None:
    found = assembled(
        span("orders", 20, 390, kind="server"), request(0, 400, "POST /orders"), request(9000, 9, "GET /")
    )
    assert shape(found) == [(0, "POST /orders"), (1, "orders"), (1, "GET /")]
    assert [step.asynchronous for step in found.steps] == [False, False, True]


def test_a_request_line_that_was_delivered_twice_is_one_request() -> None:
    found = assembled(request(0, 400, "POST /orders"), request(0, 400, "POST /orders"))
    assert shape(found) == [(0, "POST /orders")]
    assert found.cost_usd == pytest.approx(1e-6)


@pytest.mark.parametrize(
    ("more", "usd"),
    [
        ({"request_id": "JKJaXmPLvHcESHA="}, 1e-6),
        ({"request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"}, 3.5e-6),
        ({"request_id": None}, 1e-6),
        ({"status": "fault"}, 1e-6),
        ({"status": "throttle"}, 0),
        ({"kind": "alb_log"}, 0),
        ({"kind": "application"}, 0),
    ],
)
def test_a_request_costs_what_api_gateway_bills_for_it_and_nothing_where_another_took_it(
    more: dict[str, object], usd: float
) -> None:
    assert assembled(request(0, 400, "GET /", **more)).cost_usd == pytest.approx(usd)


def test_a_span_of_the_gateway_beside_its_access_log_costs_nothing_more() -> None:
    gateway = span("gateway", 1, 399, kind="server", service="api", remote_service="AWS::ApiGateway")
    assert assembled(request(0, 400, "GET /"), gateway).cost_usd == pytest.approx(1e-6)


def test_ten_thousand_requests_that_share_a_trace_are_steps_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(transaction, "_encloses", lambda outer, inner: bool(looked.append(0)))
    found = assembled(*(request(float(n), 5, f"GET /{n}") for n in range(10_000)))
    assert len(found.steps) == 10_000
    assert len(looked) <= transaction.MOST_INNER**2
