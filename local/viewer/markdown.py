"""The text of a text widget, as HTML.

CloudWatch knows Markdown with tables, and buttons that are links
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_remove_text_dashboard.html).
"""

from __future__ import annotations

import itertools
import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

_markdown = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough")


def as_html(text: str) -> str:
    """HTML of Markdown; HTML in it stays text, and links to anything but pages are not links."""
    tokens = _markdown.parse(text)
    for token in tokens:
        _make_buttons(token.children or [])
    html: str = _markdown.renderer.render(tokens, _markdown.options, {})
    return html


def with_runbooks(html: str) -> str:
    """HTML in which the name of a runbook, as a description of an alarm has it, leads to the runbook."""
    return re.sub(r"docs/runbooks/(\w+)\.md", r'<a href="#runbook/\1">\1</a>', html)


def _make_buttons(tokens: list[Token]) -> None:
    """`[button:Words](link)` and `[button:primary:Words](link)`."""
    for link, words in itertools.pairwise(tokens):
        if link.type == "link_open" and words.content.startswith("button:"):
            words.content = words.content.removeprefix("button:")
            link.attrs["class"] = "btn"
            if words.content.startswith("primary:"):
                words.content = words.content.removeprefix("primary:")
                link.attrs["class"] = "btn btn-primary"
