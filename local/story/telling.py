"""How the demo speaks: with colour and moving lines on a terminal, in plain lines otherwise.

Nothing that comes from logs reaches the terminal unescaped, and NO_COLOR is respected (https://no-color.org).
"""

from __future__ import annotations

import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cli.text import safe

WIDTH = 96
BAR_CELLS = 24
_INDENT = 3
_BETWEEN_COLUMNS = 3
_LEAST_CELLS = 4
_LEAST_TEXT = 14
PLAIN_NOTE_SECONDS = 5.0


class Bar(NamedTuple):
    """A bar in the last column of a table; ``share`` is its length and ``offset`` where it begins, from 0 to 1."""

    share: float
    style: str = "cyan"
    offset: float = 0.0


Cell = str | Text | Bar


class Step:
    """A step while it runs: ``note`` says what it does now, ``result`` is added to its last line.

    A step that is ``abandoned`` has no last line.
    """

    def __init__(self) -> None:
        self.note = ""
        self.result = ""
        self.abandoned = False
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


class Teller:
    """Writes the story to a stream."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self.console = Console(file=out, highlight=False, markup=False, emoji=False)
        if not self.console.is_terminal or self.console.width > WIDTH:
            self.console.width = WIDTH
        self.moving = self.console.is_terminal and not self.console.is_dumb_terminal
        self.blocks = "\u2588\u2591" if "utf" in (self.console.encoding or "") else "#-"
        self._chapter = 0

    def title(self, text: str, *lines: str) -> None:
        """The head of the story."""
        self.console.print(Text(safe(text), style="bold"))
        for line in lines:
            self.say(line)

    def chapter(self, text: str) -> None:
        """The head of the next chapter."""
        self._chapter += 1
        self.console.print()
        self.console.print(Text(f"{self._chapter}. {safe(text)}", style="bold cyan"))

    def say(self, text: str, style: str = "") -> None:
        """A paragraph."""
        self._wrapped(" " * _INDENT, text, style)

    def show(self, what: RenderableType) -> None:
        """A table or a panel."""
        self._print(_indented(what))

    def _wrapped(self, head: str, text: str, style: str = "") -> None:
        lines = textwrap.wrap(
            safe(text), self.console.width - 1, initial_indent=head, subsequent_indent=" " * len(head)
        )
        self.console.print(Text("\n".join(lines), style=style), soft_wrap=True)

    def _print(self, what: RenderableType) -> None:
        """Prints without the blanks that fill up lines."""
        with self.console.capture() as lines:
            self.console.print(what)
        self.console.file.write("".join(f"{line.rstrip(' ')}\n" for line in lines.get().splitlines()))
        self.console.file.flush()

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        """Runs a block as a step, whose seconds and latest note are seen all the time."""
        step = Step()
        with self._notes(what, step):
            yield step
        if step.abandoned:
            return
        result = f": {step.result}" if step.result else ""
        self._wrapped(f"{step.seconds:7.1f} s  ", what + result)

    @contextmanager
    def _notes(self, what: str, step: Step) -> Iterator[None]:
        if not self.moving:
            with _every(PLAIN_NOTE_SECONDS, lambda: self._plain_note(what, step)):
                yield
            return
        spinner = Spinner("dots", style="cyan")

        def line() -> RenderableType:
            text = Text(f"{step.seconds:5.1f} s  {safe(what)}")
            text.append(safe(f"  {step.note}"), style="dim")
            text.truncate(self.console.width - 3, overflow="ellipsis")
            spinner.text = text
            return spinner

        with Live(get_renderable=line, console=self.console, refresh_per_second=8, transient=True):
            yield

    def _plain_note(self, what: str, step: Step) -> None:
        note = f": {step.note}" if step.note else ""
        self._wrapped(f"{step.seconds:7.1f} s  ... ", what + note)

    @contextmanager
    def watching(self, view: Callable[[], RenderableType], summary: Callable[[], str]) -> Iterator[None]:
        """Shows a view that moves while a block runs, and how it ends; in plain lines only the summary moves."""

        def indented() -> RenderableType:
            return _indented(view())

        if self.moving:
            with Live(get_renderable=indented, console=self.console, refresh_per_second=4, transient=True):
                yield
        else:
            with _every(PLAIN_NOTE_SECONDS, lambda: self.console.print(Text(safe(f"   ... {summary()}")))):
                yield
        self._print(indented())

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[Cell]], right: Sequence[str] = ()) -> Table:
        """A table; ``right`` names the columns that stand on the right. The last column takes what room is left."""
        room = self._room_for_last(heads, rows)
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
        for head in heads:
            justify: Literal["left", "right"] = "right" if head in right else "left"
            table.add_column(Text(safe(head)), justify=justify, overflow="ellipsis", no_wrap=True)
        for number, column in enumerate(table.columns[:-1]):
            column.min_width = _width(number, heads, rows)
        table.columns[-1].max_width = max(room, _LEAST_CELLS)
        for row in rows:
            table.add_row(*(self._drawn(cell, min(room, BAR_CELLS)) for cell in row))
        return table

    def that_fit(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
        """How many of the columns, from the first, there is room for; the last of them may have to be shortened."""
        for count in range(len(heads), 1, -1):
            few = [row[:count] for row in rows]
            if self._room_for_last(heads[:count], few) >= min(_width(count - 1, heads, rows), _LEAST_TEXT):
                return count
        return 1

    def _room_for_last(self, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> int:
        taken = sum(_width(number, heads, rows) + _BETWEEN_COLUMNS for number in range(len(heads) - 1))
        return self.console.width - _INDENT - taken

    def _drawn(self, cell: Cell, room: int) -> Text:
        if isinstance(cell, str):
            return Text(safe(cell))
        if isinstance(cell, Text):
            return Text(safe(cell.plain), style=cell.style)
        cells = round(cell.share * room) or (1 if cell.share > 0 else 0)
        return Text(" " * min(round(cell.offset * room), room - 1) + self.blocks[0] * cells, style=cell.style)

    def letter(self, heads: Sequence[tuple[str, str]], body: Sequence[str]) -> None:
        """A mail."""
        text = Text()
        for name, value in heads:
            text.append(f"{name + ':':<9}", style="dim")
            text.append(safe(value) + "\n", style="bold" if name == "Subject" else "none")
        for paragraph in body:
            lines = [safe(line) for line in paragraph.splitlines()]
            text.append("\n" + "\n".join(lines) + "\n")
        text.rstrip()
        self.show(Panel(text, width=min(self.console.width - 3, 92), padding=(0, 1), border_style="yellow"))


def _width(number: int, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> int:
    """Width of what a column holds, bars aside."""
    cells = (row[number] for row in rows)
    return max([len(heads[number]), *(cell_len(str(cell)) for cell in cells if not isinstance(cell, Bar))])


def _indented(what: RenderableType) -> RenderableType:
    return Padding(what, (0, 0, 0, _INDENT))


@contextmanager
def _every(seconds: float, do: Callable[[], None]) -> Iterator[None]:
    """Does something again and again, beside the block."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(seconds):
            do()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
