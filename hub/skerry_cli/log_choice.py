"""Which containers of which instances `skerry logs` shows, and how much of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from skerry_cli.content_records import Container, Content
from skerry_cli.failures import RefusedError
from skerry_cli.hub import Hub, path
from skerry_cli.records import Instance, part_of, read
from skerry_wire.frozen import frozen

TAIL = 100
"""Lines that are shown of a log unless more are asked for: boxes stand behind thin links."""
MOST_LINES = 100_000
ALL = "all"


class Tail(click.ParamType[int | str]):
    """A number of lines, or `all`."""

    name = "lines"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Return the number, or `all`."""
        if value == ALL:
            return ALL
        text = str(value)
        if not text.isascii() or not text.isdigit() or int(text) > MOST_LINES:
            self.fail(f"{text!r} is neither a number up to {MOST_LINES} nor {ALL}", param, ctx)
        return int(text)


@frozen()
class Source:
    """A log: of a container, the instance's only one where it is not named."""

    instance: Instance
    container: str = ""

    @property
    def name(self) -> str:
        """Return what a line of several logs begins with."""
        return f"{self.instance.id}/{self.container}" if self.container else self.instance.id


def lines_of(tail: int | str | None, *, since: bool) -> int | None:
    """Return how many lines are asked for; None: all, as since a time where that is given."""
    if tail is None:
        return None if since else TAIL
    return None if isinstance(tail, str) else tail


def containers_of(hub: Hub, instances: Iterable[Instance]) -> dict[str, list[Container]]:
    """Return the containers of the instances' workloads, by workload."""
    return {
        name: _containers_of(hub, name) for name in dict.fromkeys(one.workload for one in instances)
    }


def _containers_of(hub: Hub, workload: str) -> list[Container]:
    try:
        plain = hub.get(path("workloads", workload))
    except RefusedError as failure:
        if not failure.unknown_name:
            raise
        return []  # it was deleted, and its instances are about to end
    return list(read(Content, part_of(plain, "content")).containers)


def default_of(containers: Sequence[Container]) -> str:
    """Return the container that is meant where none is named: the first that goes on running."""
    lasting = [one for one in containers if one.restart != "no"] or containers
    return lasting[0].name if lasting else ""


def sources_of(
    instances: Iterable[Instance],
    containers: dict[str, list[Container]],
    *,
    all_containers: bool,
) -> list[Source]:
    """Return the logs of instances: of all containers, or of each one's default."""
    found = []
    for one in instances:
        own = containers[one.workload]
        if len(own) < 2:
            found.append(Source(one))
        elif all_containers:
            found += [Source(one, container.name) for container in own]
        else:
            found.append(Source(one, default_of(own)))
    return found


def notice(containers: dict[str, list[Container]]) -> str | None:
    """Return which containers are shown where their instances have more; None where none has."""
    told = [
        f"{default_of(own)} of {', '.join(one.name for one in own)}"
        for own in containers.values()
        if len(own) > 1
    ]
    if not told:
        return None
    return f"shown is {'; '.join(told)}: -c NAME for another, --all-containers for all"
