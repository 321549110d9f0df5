"""`./dev soak`: faults in numbers, on real parts, for as long as that takes."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from lab import apart, soak_record
from lab.processes import LabError
from lab.soak_progress import Progress
from lab.soak_runs import RUNS, Run

REPORT = "report"
STATUSES = (
    "exit status: 0 all that was wanted is met, 1 not, 130 ended by Ctrl-C or a signal. The first "
    "Ctrl-C ends a run after what is under way, the second at once; both print what was seen."
)


def main(arguments: Sequence[str] | None = None, runs: Mapping[str, Run] = RUNS) -> int:
    """Make a run, or sum some up; return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    given = parse(words, runs)
    try:
        if given.name == REPORT:
            return _report(given, runs)
        if os.geteuid() != 0:
            print("./dev soak: only root may start containers and boxes", file=sys.stderr)
            return 2
        if apart.is_apart(os.environ):
            return _measured(given, runs[given.name])
        if runs[given.name].whole_boxes:
            from lab import uml_image  # noqa: PLC0415 - of no use to the others

            # Before: there is no network in there to fetch packages from.
            uml_image.image()
        return apart.run_apart([sys.executable, "-m", "lab.soak_main", *words])
    except LabError as error:
        print(f"./dev soak {given.name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


# --- a run ----------------------------------------------------------------------------------------


def _measured(given: argparse.Namespace, run: Run) -> int:
    """Make a run within the processes, mounts and network that are its own."""
    keep = soak_record.Record(given.save, given.name, given.seed).keep if given.save else None
    count = run.count if given.count is None else given.count
    progress: Progress[Any] = Progress(count * run.load().times, run.unit, keep or _keep_nothing)
    output = sys.stdout
    apart.listen(progress.end, lambda: _print(given, run, progress.found, count, output))
    return measured(given, run, progress)


def measured(given: argparse.Namespace, run: Run, progress: Progress[Any]) -> int:
    """Make a run, print what it came to, and return the exit status."""
    count = run.count if given.count is None else given.count
    print(f"{given.name}: {count} {run.unit}, seed {given.seed}", file=sys.stderr, flush=True)
    output = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        run.load().measure(count, given.seed, progress)
    met = _print(given, run, progress.found, count, output)
    if progress.ended:
        return apart.INTERRUPTED
    return 0 if met and progress.complete else 1


def _keep_nothing(_one: Any) -> None:
    pass


def _print(
    given: argparse.Namespace, run: Run, found: Sequence[Any], wanted: int, output: TextIO
) -> bool:
    """Print what was found, and say whether each of it is met."""
    met = sum(one.met for one in found)
    table = run.load().table(found)
    if given.output == "json":
        each = [dataclasses.asdict(one) for one in found]
        told = {"run": given.name, "seed": given.seed, "wanted": wanted, "met": met}
        text = json.dumps({**told, "table": table, "each": each})
    else:
        text = f"{table}\n{met} of {len(found)} as is asked for; wanted: {wanted} {run.unit}"
    print(text, file=output, flush=True)
    return bool(found) and met == len(found)


# --- several runs ---------------------------------------------------------------------------------


def _report(given: argparse.Namespace, runs: Mapping[str, Run]) -> int:
    """Print what the runs of some files came to together; 0 when each of it is met."""
    lines = [line for place in given.files for line in soak_record.read(place, _warn)]
    by_name = {name: [line for line in lines if line.run == name] for name in runs}
    told, all_met = [], bool(lines)
    for name, ours in by_name.items():
        if not ours:
            continue
        soak = runs[name].load()
        found = [soak_record.built(soak.one, line.found) for line in ours]
        met = sum(one.met for one in found)
        all_met &= met == len(found)
        origin, table = soak_record.origin_of(ours), soak.table(found)
        told.append({"run": name, "from": origin, "met": met, "of": len(found), "table": table})
    if given.output == "json":
        print(json.dumps(told))
    else:
        for one in told:
            print(f"{one['run']}: {one['from']}\n{one['table']}")
            print(f"{one['met']} of {one['of']} as is asked for\n")
    return 0 if all_met else 1


def _warn(text: str) -> None:
    print(f"./dev soak report: {text}", file=sys.stderr)


# --- the command line -----------------------------------------------------------------------------


def parse(words: Sequence[str], runs: Mapping[str, Run] = RUNS) -> argparse.Namespace:
    """Return what was given; end the program where that is nonsense."""
    listed = "\n".join(
        textwrap.fill(
            f"{name:<11} {run.words}. {run.count} {run.unit}, {run.takes}.",
            90,
            initial_indent="  ",
            subsequent_indent=" " * 14,
        )
        for name, run in runs.items()
    )
    summed = f"  {REPORT:<11} what the runs saved in FILEs came to together"
    parser = argparse.ArgumentParser(
        prog="./dev soak",
        description=f"{__doc__}\n\n{listed}\n{summed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=textwrap.fill(STATUSES, 90),
    )
    commands = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, run in runs.items():
        one = commands.add_parser(name, description=f"{run.words}.")
        one.add_argument(
            "--count", type=_at_least_one, metavar="N", help=f"{run.unit} ({run.count})"
        )
        one.add_argument("--seed", type=int, default=1, help="what makes the choices (1)")
        one.add_argument(
            "--save", type=_place, metavar="FILE", help="append what is seen, as JSON lines"
        )
        one.add_argument("-o", "--output", choices=["text", "json"], default="text")
    report = commands.add_parser(REPORT, description="Sum up what runs have saved.")
    report.add_argument("files", nargs="+", type=_place, metavar="FILE")
    report.add_argument("-o", "--output", choices=["text", "json"], default="text")
    return parser.parse_args(words)


def _place(text: str) -> pathlib.Path:
    return pathlib.Path(text).absolute()


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it is 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
