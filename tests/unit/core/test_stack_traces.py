"""Errors of one cause have one fingerprint, of different causes different ones, in every language.

Each trace is written many times over with what varies from one occurrence, deployment or compilation to the next.
"""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest

from functions.core.fingerprint import failure, fingerprint

PYTHON = """Traceback (most recent call last):
  File "{root}/app.py", line {n}, in handler
    return {call}(event)
  File "{root}/orders.py", line {n}, in {function}
    raise {type}(f"...")
{type}: {message}"""
NODE = """{type}: {message}
    at {function} ({root}/src/orders.js{query}:{n}:{n})
    at async Runtime.handler ({root}/index.js:{n}:{n})
    at async Runtime.handleOnceNonStreaming (file:///var/runtime/index.mjs:{n}:{n})"""
BUNDLE = """{type}: {message}
    at Object.{function} (webpack:///./src/orders.ts{query}:{n}:{n})
    at {root}/main.{hash}.js:{n}:{n}"""
JAVA = """com.shop.{type}: {message}
\tat com.shop.Orders.{function}(Orders.java:{n})
\tat com.shop.Orders.lambda$handle${n}(Orders.java:{n})
\tat com.shop.Orders$$Lambda${n}/0x{hash}.apply(Unknown Source)
\tat java.base/jdk.internal.reflect.GeneratedMethodAccessor{n}.invoke(Unknown Source)
Caused by: java.net.{cause}: {message}
\tat java.base/java.net.Socket.connect(Socket.java:{n})
\t... {n} more"""
DOTNET = """Shop.{type}: {message}
   at Shop.Orders.<{function}>d__{n}.MoveNext() in {root}/Orders.cs:line {n}
--- End of stack trace from previous location ---
   at Shop.Api.<>c__DisplayClass{n}_0.<Handle>b__{n}(Order o) in {root}/Api.cs:line {n}
   at System.Runtime.CompilerServices.TaskAwaiter.ThrowForNonSuccess(Task task)"""
GO = """panic: {type}: {message}

goroutine {n} [running]:
main.(*Orders).{function}(0xc000{hash}, 0x{n})
\t{root}/orders.go:{n} +0x{n}
main.handler.func{n}()
\t{root}/main.go:{n} +0x{n}
created by main.main in goroutine {n}
\t{root}/main.go:{n} +0x{n}"""
RUBY = """{root}/orders.rb:{n}:in `{function}': {message} ({type})
\tfrom {root}/app.rb:{n}:in `block in handler'
\tfrom {root}/app.rb:{n}:in `handler'"""
RUST = """thread 'tokio-runtime-worker' panicked at src/orders.rs:{n}:{n}:
{type}: {message}
stack backtrace:
   0: rust_begin_unwind
             at /rustc/{hash}{hash}/library/std/src/panicking.rs:{n}:5
   1: core::panicking::panic_fmt
   2: shop::orders::{function}::h{hash}{hash}
             at ./src/orders.rs:{n}:{n}
   3: shop::handler::{{{{closure}}}}::h{hash}{hash}"""
LANGUAGES = {
    "python": PYTHON,
    "node": NODE,
    "bundle": BUNDLE,
    "java": JAVA,
    "dotnet": DOTNET,
    "go": GO,
    "ruby": RUBY,
    "rust": RUST,
}
ROOTS = (
    "/var/task",
    "/opt/python/lib/python3.13/site-packages/shop",
    "/home/ci/build-17/src",
    "/app/node_modules/shop",
)
CAUSES = (
    ("PaymentError", "charge", "payment {id} of {mail} refused after {n} ms", "SocketException"),
    ("PaymentError", "refund", "payment {id} of {mail} refused after {n} ms", "SocketException"),
    ("StockError", "charge", "payment {id} of {mail} refused after {n} ms", "SocketException"),
    ("StockError", "reserve", "no stock for ['{id}', '{n}'] at {time}", "ConnectException"),
    ("StockError", "reserve", "cannot read {path}: {address}:{n} closed", "SocketException"),
)


def _hex(random: Random, digits: int) -> str:
    return f"{random.getrandbits(4 * digits) | 1:0{digits}x}"


def occurrence(template: str, cause: tuple[str, str, str, str], seed: int) -> str:
    """One trace of a cause, with other lines, ids, times, addresses, hashes and places for every seed."""
    random = Random(seed)
    type_, function, message, nested = cause
    digits = _hex(random, 32)
    uuid = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    said = message.format(
        id=random.choice((uuid, digits, f"ord_9{digits[:9]}", str(random.randrange(10**9)))),
        mail=f"user{random.randrange(999)}@shop{random.randrange(9)}.example.com",
        n=random.randrange(1, 10_000),
        time=f"2026-1{random.randrange(3)}-0{random.randrange(1, 9)}T10:00:00.{random.randrange(999):03d}Z",
        path=random.choice((f"/tmp/{digits}/x.db", f"/var/data/{random.randrange(99)}/orders/y.db")),
        address=f"10.{random.randrange(255)}.0.{random.randrange(255)}",
    )
    return template.format(
        root=random.choice(ROOTS),
        query=random.choice(("", f"?{digits[:4]}")),
        n=random.randrange(1, 5000),
        hash=f"{digits[:7]}1",
        call=random.choice(("charge", "run")),
        type=type_,
        function=function,
        message=said,
        cause=nested,
    )


def print_of(trace: str) -> str:
    found = failure(trace)
    return fingerprint(found.type, found.message, found.frames)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("cause", CAUSES, ids=[f"{type_} in {function}" for type_, function, *_ in CAUSES])
def test_occurrences_of_one_cause_have_one_fingerprint(language: str, cause: tuple[str, str, str, str]) -> None:
    traces = [occurrence(LANGUAGES[language], cause, seed) for seed in range(60)]
    assert len(set(traces)) == 60
    different = {print_of(trace): trace for trace in traces}
    assert len(different) == 1, [failure(trace) for trace in different.values()]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("one", "other"), combinations(range(len(CAUSES)), 2))
def test_different_causes_have_different_fingerprints(language: str, one: int, other: int) -> None:
    traces = [occurrence(LANGUAGES[language], CAUSES[cause], seed=7) for cause in (one, other)]
    assert print_of(traces[0]) != print_of(traces[1]), list(map(failure, traces))


@pytest.mark.parametrize("language", LANGUAGES)
def test_type_message_and_the_innermost_frame_are_found(language: str) -> None:
    found = failure(occurrence(LANGUAGES[language], CAUSES[0], seed=1))
    assert "charge" in found.frames[0]
    assert "refused after" in found.message
    assert (found.type or "").rpartition(".")[2] == ("panic" if language in {"go", "rust"} else "PaymentError")


def test_a_cause_that_differs_behind_the_same_wrapper_separates() -> None:
    refused, reset = (
        occurrence(JAVA, (*CAUSES[0][:3], cause), seed=3) for cause in ("ConnectException", "EOFException")
    )
    assert print_of(refused) != print_of(reset)


def test_a_recursion_has_one_fingerprint_however_deep_it_went() -> None:
    shallow, deep = (
        "StackOverflowError: too deep\n"
        + "\tat com.shop.Tree.walk(Tree.java:9)\n" * depth
        + "\tat com.shop.App.run(A.java:1)"
        for depth in (2, 500)
    )
    assert print_of(shallow) == print_of(deep)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("user 12 not found", "user 13 not found"),
        ("can't open it's file 'a'", "can't open it's file 'b'"),
        ("timeout for arn:aws:sqs:eu-west-1:1:a", "timeout for arn:aws:sqs:us-east-1:2:b"),
        ("missing ids [1, 2, 3]", "missing ids [4]"),
        ("fe80::1ff:fe23:4567:890a refused", "fe80::2aa:fe23:4567:1 refused"),
        ("no C:\\data\\a.txt", "no C:\\other\\b.txt"),
        ("took -1.5e3 s", "took 7 s"),
        ("s3://bucket-a/x/y is gone", "s3://bucket-b/z is gone"),
        ("token 01ARZ3NDEKTSV4RRFFQ69G5FAV used", "token 01BX5ZZKBKACTAV9WEVGEMMVRZ used"),
        ("at 2026-01-01T00:00:00Z", "at 2026-01-02 10:00:00.123 +02:00"),
    ],
)
def test_what_varies_in_a_message_does_not_separate(one: str, other: str) -> None:
    assert fingerprint("E", one) == fingerprint("E", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connection refused", "connection reset"),
        ("user 12 not found", "order 12 not found"),
        ("can't open file", "can't close file"),
        ("decode failed", "facade failed"),
        ("core::io failed", "core::net failed"),
    ],
)
def test_what_says_the_cause_separates(one: str, other: str) -> None:
    assert fingerprint("E", one) != fingerprint("E", other)


@pytest.mark.parametrize(
    "trace",
    [
        "A" * 100_000,
        "aA" * 50_000 + ": x",
        "at (" * 30_000,
        "\n".join(["    at " + "(" * 500] * 100),
        "main.f(" * 20_000,
        "\n" * 100_000,
        'File "' * 20_000,
        '{"errorType"' * 5_000,
        "'" * 50_000,
        "x:1:in `" * 10_000,
        "thread 'a' panicked at " * 3_000,
        "<" * 50_000,
    ],
    ids=range(12),
)
@pytest.mark.timeout(20)
def test_hostile_text_is_read_in_bounded_time(trace: str) -> None:
    assert len(print_of(trace)) == 16
