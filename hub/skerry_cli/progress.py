"""Progress on a terminal: a line for each goal, written anew as it changes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.live import Live
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from skerry_cli.clean import clean
from skerry_cli.goals import Goal, Seen

MOST_LINES = 20
Show = Callable[[dict[Goal, Seen]], None]


def progress() -> tuple[contextlib.AbstractContextManager[Show], Callable[[str], None]]:
    """Return what shows goals while it is entered, and what writes a message above them."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    live = Live(console=console, transient=True, auto_refresh=False)

    @contextlib.contextmanager
    def shown() -> Iterator[Show]:
        with live:
            yield lambda seen: live.update(_text(seen), refresh=True)

    return shown(), lambda message: console.print(clean(message))


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is worked on, and for how long already."""
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    console = Console(stderr=True, highlight=False, markup=False)
    with Progress(*columns, console=console, transient=True) as shown:
        shown.add_task(clean(what), total=None)
        yield


def _text(goals: dict[Goal, Seen]) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    waiting = {goal: seen for goal, seen in goals.items() if not seen.reached}
    reached = len(goals) - len(waiting)
    text.append(f"{reached} of {len(goals)} done", style="bold")
    for goal, seen in list(waiting.items())[:MOST_LINES]:
        text.append(f"\n  {clean(str(goal))} ", style="yellow")
        text.append(clean(seen.text))
    return text
