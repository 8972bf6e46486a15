"""Markdown of text widgets."""

from __future__ import annotations

import pytest

from local.viewer.markdown import as_html, with_runbooks


def test_tables_lists_and_links_are_html():
    html = as_html("# Title\n\n| a | b |\n|---|---|\n| 1 | **2** |\n\n- [x](https://example.com)\n")
    assert "<h1>Title</h1>" in html
    assert "<td><strong>2</strong></td>" in html
    assert '<a href="https://example.com">x</a>' in html


@pytest.mark.parametrize(
    "text", ["<script>1</script>", "<img src=x onerror=1>", "[x](javascript:alert(1))", "[x](data:text/html,1)"]
)
def test_html_and_scripts_stay_text(text):
    html = as_html(text)
    assert "<script" not in html
    assert "<img" not in html
    assert "<a " not in html


def test_a_button_is_a_link_that_looks_like_one():
    assert as_html("[button:Go](#x) [button:primary:Go on](#y)") == (
        '<p><a href="#x" class="btn">Go</a> <a href="#y" class="btn btn-primary">Go on</a></p>\n'
    )


def test_a_runbook_that_is_named_can_be_opened():
    assert with_runbooks("see docs/runbooks/latency.md.") == 'see <a href="#runbook/latency">latency</a>.'
