from __future__ import annotations

import pytest

from functions.core.documents import NotJsonError, parse, split

DEPTH = 8


def test_documents_follow_one_another_with_or_without_space_between() -> None:
    assert [value for _, value in split('{"a":1}{"b":2}\n\n[3], {"c":"}{"}', DEPTH)] == [
        {"a": 1},
        {"b": 2},
        [3],
        {"c": "}{"},
    ]


def test_a_bad_line_between_documents_is_kept_as_text_and_loses_nothing_else() -> None:
    text = '{"a":1}\nnot json\n{"b":\n{"c":3}'
    assert [value for _, value in split(text, DEPTH)] == [{"a": 1}, "not json", '{"b":', {"c": 3}]


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ('{"a":"\x01"}', {"a": "\x01"}),
        ('{"a":"\\ud800"}', {"a": "\\ud800"}),
        ('{"a":123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
        ('{"a":1e999}', {"a": float("inf")}),
    ],
)
def test_json_that_strict_readers_refuse_is_read(document: str, value: object) -> None:
    assert parse(document, DEPTH) == value


def test_nesting_is_bounded_and_brackets_in_strings_do_not_count() -> None:
    assert parse('{"a":"' + "[" * 500 + '"}', DEPTH) == {"a": "[" * 500}
    with pytest.raises(NotJsonError, match="nested deeper than 8"):
        parse("[" * 9 + "]" * 9, DEPTH)
    with pytest.raises(NotJsonError):
        parse("[" * 100_000, 10**6)


@pytest.mark.parametrize("opening", ["{", "[" * (DEPTH + 1)])
def test_escaped_quotes_in_a_long_string_that_is_cut_off_are_read_once(opening: str) -> None:
    with pytest.raises(NotJsonError):  # within the test's time limit: once for each quote takes half an hour
        parse(opening + '"' + '\\"' * 500_000, DEPTH)


def test_brackets_in_strings_nest_nothing() -> None:
    assert parse('["[[[[[[[[[[[[", {"}}": "\\"{{{{{{{{{{"}]' + " " * 9, DEPTH) == ["[" * 12, {"}}": '"' + "{" * 10}]
