"""Stack traces of Python, JavaScript, Java, .NET, Go, Ruby and Rust: what failed, and where, without what a deployment,
a process or a compiler adds to names.

A frame is ``file:function`` where the language's functions have no module in their names, else ``module.function``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

from functions.core import documents, values

TOP_FRAMES = 3
LONGEST_TRACE = 32_000

_CLASS = r"[A-Za-z_][\w.$+`]{0,150}(?:Error|Exception|Exit|Warning|Interrupt|Timeout|Throwable|Fault|[A-Z]\w{0,100})"
_TYPE_LINE = re.compile(
    r"^(?:Exception in thread \"[^\"\n]*\" |Unhandled exception\. |(?:Unc|C)aught (?:exception )?)?"
    rf"({_CLASS})(?: \[[\w]+\])?(?:: ?([^\n]*)|[ \t\r]*$)",
    re.MULTILINE,
)
_NAMED = re.compile(r"(?:Error|Exception|Throwable)$")
_CAUSE = re.compile(rf"^[ \t]*(?:Caused by: |---> |\[cause\]: )({_CLASS})(?:: ?([^\n]*)|[ \t\r]*$)", re.MULTILINE)

_PYTHON_FRAME = re.compile(r'^[ \t]*(?:\| )*File "([^"\n]+)", line \d+, in (\S+)', re.MULTILINE)
_AT = re.compile(r"^[ \t]*at ([^\n]{1,600})$", re.MULTILINE)
_CALL = re.compile(r"(.*?)\s?\(([^()]*(?:\([^()]*\)[^()]*)*)\)(?: in .*)?$")
_POSITION = re.compile(r":\d+(?::\d+)?\)?$")
_RUBY_FRAME = re.compile(r"^[ \t]*(?:\d+: )?(?:from )?([^\s:]+):\d+:in ['`]([^'\n]+)'", re.MULTILINE)
_RUBY_HEAD = re.compile(r"^\S+:\d+:in ['`][^'\n]+': ([^\n]*) \(([A-Z][\w:]*)\)", re.MULTILINE)
_RUBY_LOGGED = re.compile(r"^(?:([A-Z][\w:]*) \(([^\n]*)\):?|([^\n]*) \(([A-Z][\w:]*)\))[ \t]*$", re.MULTILINE)
_GO_HEAD = re.compile(r"^(panic|fatal error): ([^\n]*)", re.MULTILINE)
_GO_FRAME = re.compile(r"^(?!goroutine|created by)([^\s(][^\n]*)\([^()\n]*\)\n[ \t]+\S+\.(?:go|s):\d+", re.MULTILINE)
_RUST_HEAD = re.compile(
    r"^thread '[^'\n]*' (?:\(\d+\) )?panicked at (?:'([^\n]*)', \S+|[^\n]*(?:\n([^\n]*))?)", re.MULTILINE
)
_RUST_FRAME = re.compile(r"^[ \t]*\d+:[ \t]+(?:0x[0-9a-f]+ - )?([^\n]+)$", re.MULTILINE)
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")
_HASH_IN_FILE = re.compile(r"[.-](?=\w*\d)\w{6,}(?=\.\w{1,4}$)")
_GENERATED = (
    (re.compile(r"lambda\$(\w+?)\$\d+"), r"\1"),
    (re.compile(r"\$\$\w*\$*Lambda[\w$/.]*|\$\$\w+\$\$\w+|\$Proxy\d+|(?<=GeneratedMethodAccessor)\d+"), ""),
    (re.compile(r"<(\w+)>[a-z](?:__\w+(?:\|[\d_]+)?)?(?:\.MoveNext)?"), r"\1"),
    (re.compile(r"[.+]<>c(?:__DisplayClass[\d_]+)?"), ""),
    (re.compile(r"`\d+|\[[^\]]*\]"), ""),
    (re.compile(r"\.func\d+(?:\.\d+)*|\.gowrap\d+|\{\{closure\}\}|::\{closure#\d+\}|(?<=\$)\d+"), ""),
)
_OF_THE_MACHINE = re.compile(
    r"(?:java\.lang\.reflect|jdk\.internal|sun\.reflect|node:|internal/|System\.Runtime\.|System\.Threading\.Tasks"
    r"|runtime\.|runtime/debug\.|panic$|std::|core::|rust_begin_unwind|tokio::|__rust|_start$|main$"
    r"|<frozen |.*/var/runtime/|/var/lang/|file:///var/runtime/|[^/]*/?usr/lib/ruby)"
)


class Failure(NamedTuple):
    """What a stack trace says: exception class, its message, and where from the innermost outwards; last its cause."""

    type: str | None
    message: str
    frames: tuple[str, ...]


def failure(trace: str) -> Failure:
    """Reads a stack trace; what is not found is empty."""
    if len(trace) > LONGEST_TRACE:
        trace = trace[: LONGEST_TRACE // 2] + "\n" + trace[-LONGEST_TRACE // 2 :]
    found = next((found for read in _READERS if (found := read(trace))), None)
    if found:
        return found
    match = _TYPE_LINE.match(trace)
    return Failure(match[1], match[2] or "", ()) if match else Failure(None, "", ())


def of_items(items: Iterable[Any]) -> str:
    """A stack trace that JSON gives as a list, as text: lines, or Go's objects with ``label`` and ``path``."""
    return "\n".join(
        f"{item.get('label')}()\n\t{item.get('path')}.go:0" if isinstance(item, dict) else str(item) for item in items
    )


def _of_runtime(trace: str) -> Failure | None:
    """The JSON that runtimes write after a text, ``{"errorType", "errorMessage", "stackTrace" or "stack"}``."""
    if '"errorType"' not in trace:
        return None
    try:
        written = documents.parse(trace[trace.index("{") : trace.rindex("}") + 1], 64)
    except (ValueError, documents.NotJsonError):
        return None
    if not isinstance(written, dict):
        return None
    lines = next((written[name] for name in ("stackTrace", "stack", "trace") if written.get(name)), ())
    found = failure(of_items(lines) if isinstance(lines, list) else str(lines))
    message = values.text(written.get("errorMessage")) or found.message
    return Failure(values.name(written.get("errorType")) or found.type, message, found.frames)


def _python(trace: str) -> Failure | None:
    """Python prints the innermost frame last, and after it the exception."""
    frames = _PYTHON_FRAME.findall(trace)
    if not frames:
        return None
    after = trace[trace.rindex(f'"{frames[-1][0]}", line') :]
    match = _TYPE_LINE.search(after) or _TYPE_LINE.match(trace)
    frames.reverse()
    named = (f"{_file(path)}:{function}" for path, function in frames)
    found = _top(named, (path for path, _ in frames))
    return Failure(match[1], match[2] or "", found) if match else Failure(None, "", found)


def _rust(trace: str) -> Failure | None:
    match = _RUST_HEAD.search(trace)
    if not match:
        return None
    functions = [_RUST_HASH.sub("", function) for function in _RUST_FRAME.findall(trace)]
    return Failure("panic", match[1] or match[2] or "", _top(map(_function, functions), functions))


def _go(trace: str) -> Failure | None:
    match = _GO_HEAD.search(trace)
    frames = _GO_FRAME.findall(trace)
    if not match and not frames:
        return None
    type_, message = (match[1], match[2].removesuffix(" [recovered]")) if match else (None, "")
    return Failure(type_, message, _top(map(_function, frames), frames))


def _called(trace: str) -> Failure | None:
    """JavaScript, Java and .NET: the exception, then ``at`` and the innermost call."""
    calls = _AT.findall(trace)
    if not calls:
        return None
    before = trace[: (first := trace.index(f"at {calls[0]}"))]
    heads = [*_TYPE_LINE.finditer(before)]
    head = next((match for match in reversed(heads) if _NAMED.search(match[1])), heads[-1] if heads else None)
    pairs = [_call(call) for call in calls]
    frames = _top((name for name, _ in pairs), (where for _, where in pairs))
    causes = _CAUSE.findall(trace, first) or _CAUSE.findall(before)
    cause = tuple(f"{type_}: {message}" for type_, message in causes[-1:])
    return Failure(head[1] if head else None, (head[2] or "") if head else "", frames + cause)


def _call(call: str) -> tuple[str, str]:
    """Name of a frame after ``at``, and where it is."""
    call = call.strip().removeprefix("async ").removeprefix("new ")
    match = _CALL.match(call)
    function, where = (match[1], match[2]) if match else ("", call)
    if _POSITION.search(where) and not where.endswith(")") and (not match or _is_script(where)):
        name = function.partition(" [as ")[0].rpartition(".")[2]
        return f"{_file(_POSITION.sub('', where))}:{name}", where
    function = function.rpartition("/")[2]
    return _function(function), function


def _is_script(where: str) -> bool:
    return where.count(":") > 1 or "/" in where or "\\" in where


def _ruby(trace: str) -> Failure | None:
    frames = _RUBY_FRAME.findall(trace)
    if not frames:
        return None
    named = (f"{_file(path)}:{re.split(r'[#.]', function)[-1]}" for path, function in frames)
    found = _top(named, (path for path, _ in frames))
    if match := _RUBY_HEAD.search(trace):
        return Failure(match[2], match[1], found)
    if match := _RUBY_LOGGED.search(trace):
        return Failure(match[1] or match[4], match[2] or match[3] or "", found)
    match = _TYPE_LINE.match(trace)
    return Failure(match[1], match[2] or "", found) if match else Failure(None, "", found)


def _file(path: str) -> str:
    """Name of a file without where it was deployed, the query of a bundler, and the hash of its content."""
    name = re.split(r"[/\\]", path.partition("?")[0])[-1]
    return _HASH_IN_FILE.sub("", name)


def _function(name: str) -> str:
    """Name of a function without what compilers and frameworks generate."""
    for pattern, replacement in _GENERATED:
        name = pattern.sub(replacement, name)
    return name.strip()


def _top(frames: Iterable[str], places: Iterable[str]) -> tuple[str, ...]:
    """The innermost frames of the application and its libraries; those of a recursion once."""
    own = [frame for frame, place in zip(frames, places, strict=False) if not _OF_THE_MACHINE.match(place)]
    return tuple(frame for frame, _ in groupby(own))[:TOP_FRAMES]


_READERS = (_of_runtime, _python, _rust, _go, _called, _ruby)
