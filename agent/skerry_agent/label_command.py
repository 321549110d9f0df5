"""The command `skerry-agent label`: changes the labels that a box gives itself."""

from __future__ import annotations

from collections.abc import Sequence

from skerry_agent.config import Config


class LabelError(Exception):
    """A label cannot be changed; the text says why. `is_usage`: it was asked for wrongly."""

    def __init__(self, text: str, *, is_usage: bool = False) -> None:
        super().__init__(text)
        self.is_usage = is_usage


def run(config: Config, verb: str, words: Sequence[str], *, as_json: bool) -> str:
    """Do what was asked for and return what to print. Raises LabelError."""
    raise LabelError(f"{verb} {words} {as_json} {config.state}")
