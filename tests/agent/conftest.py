"""Fixtures of several files here."""

from tests.agent.trees import tree

__all__ = ["tree"]
