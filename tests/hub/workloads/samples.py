"""What the tests of workloads share: files made of the part that matters."""

import textwrap

from skerry_hub.workloads.compose import ComposeError, SourceFile, parse

HEAD = "services:\n  web:\n    image: x\n"
"""Three lines; what a test adds starts on line 4."""


def file(part, tail=""):
    """Return a file whose one service has the image x and these keys."""
    return HEAD + textwrap.indent(part, "    ") + "\n" + tail


def parse_text(text, project="shop", **how):
    """Return the workloads of a file."""
    return tuple(one.workload for one in parse([SourceFile("shop.yaml", text, project, **how)]))


def workload(part, tail=""):
    """Return what a service with these keys becomes."""
    (found,) = parse_text(file(part, tail))
    return found


def container(part, tail=""):
    (found,) = workload(part, tail).containers
    return found


def problems(text, **how):
    """Return (line, field, reason) of everything wrong with a file."""
    try:
        parse_text(text, **how)
    except ComposeError as error:
        return [(one.line, one.field, one.reason) for one in error.problems]
    return []


def refusals(part, tail=""):
    """Return (line, field, reason) of a service's keys; lines and fields start at the service."""
    return [
        (line, field.removeprefix("services.web."), reason)
        for line, field, reason in problems(file(part, tail))
    ]
