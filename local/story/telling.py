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
from typing import Literal, TextIO

from rich import box
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
PLAIN_NOTE_SECONDS = 5.0


class Step:
    """A step while it runs: ``note`` says what it does now, ``result`` is added to its last line."""

    def __init__(self) -> None:
        self.note = ""
        self.result = ""
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
        self._bar = "\u2588" if "utf" in (self.console.encoding or "") else "#"
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
        for line in textwrap.wrap(safe(text), self.console.width - 3):
            self.console.print(Text(f"   {line}", style=style))

    def show(self, what: RenderableType) -> None:
        """A table or a panel."""
        self._print(_indented(what))

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
        result = f": {step.result}" if step.result else ""
        self.console.print(Text(f"{step.seconds:7.1f} s  {safe(what + result)}"), soft_wrap=True)

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
        self.console.print(Text(safe(f"    {step.seconds:5.1f} s  ... {what}{note}")), soft_wrap=True)

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

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[Text | str]], right: Sequence[str] = ()) -> Table:
        """A table; ``right`` names the columns that stand on the right."""
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
        for head in heads:
            justify: Literal["left", "right"] = "right" if head in right else "left"
            table.add_column(Text(safe(head)), justify=justify, overflow="ellipsis", no_wrap=True)
        cells = [[_harmless(cell) for cell in row] for row in rows]
        for number, column in enumerate(table.columns[:-1]):
            # what has to give way is the last column
            column.min_width = max([len(heads[number]), *(row[number].cell_len for row in cells)])
        for row in cells:
            table.add_row(*row)
        return table

    def bar(self, share: float, style: str = "cyan", offset: float = 0.0) -> Text:
        """A bar; ``share`` is its length and ``offset`` where it begins, both from 0 to 1."""
        cells = round(share * BAR_CELLS) or (1 if share > 0 else 0)
        return Text(" " * min(round(offset * BAR_CELLS), BAR_CELLS - 1) + self._bar * cells, style=style)

    def letter(self, heads: Sequence[tuple[str, str]], body: Sequence[str]) -> None:
        """A mail."""
        text = Text()
        for name, value in heads:
            text.append(f"{name + ':':<9}", style="dim")
            text.append(safe(value) + "\n", style="bold" if name == "Subject" else "none")
        for paragraph in body:
            text.append("\n" + safe(paragraph) + "\n")
        text.rstrip()
        self.show(Panel(text, width=min(self.console.width - 3, 92), padding=(0, 1), border_style="yellow"))


def _harmless(cell: Text | str) -> Text:
    return Text(safe(cell)) if isinstance(cell, str) else Text(safe(cell.plain), style=cell.style)


def _indented(what: RenderableType) -> RenderableType:
    return Padding(what, (0, 0, 0, 3))


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
