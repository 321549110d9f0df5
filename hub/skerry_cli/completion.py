"""`skerry completion`: the script that a shell reads to complete commands and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from skerry_cli.failures import Failure

SHELLS = ("bash", "zsh", "fish")


EXAMPLES = """\b
Examples:
  source <(skerry completion bash)                 # in ~/.bashrc
  source <(skerry completion zsh)                  # in ~/.zshrc
  skerry completion fish > ~/.config/fish/completions/skerry.fish
"""


@click.command(epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes skerry in a shell, names of the hub included."""
    kind = get_completion_class(shell)
    if kind is None:
        raise Failure(f"cannot complete in {shell}")
    click.echo(kind(ctx.find_root().command, {}, "skerry", "_SKERRY_COMPLETE").source())
