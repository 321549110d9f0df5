"""Groups of commands whose verbs have a second name, so that nobody must remember which it is."""

from __future__ import annotations

import click

OTHER_NAMES = {"ls": "list", "rm": "delete", "delete": "rm"}
"""What else may be typed: for a verb that a group does not have, the one that it may have."""


class Verbs(click.Group):
    """A group that takes the other names too. Help and completion show the first alone."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by either of its names."""
        found = self.named(ctx, cmd_name)
        if found is None and cmd_name in OTHER_NAMES:
            return self.named(ctx, OTHER_NAMES[cmd_name])
        return found

    def named(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its first name."""
        return super().get_command(ctx, cmd_name)
