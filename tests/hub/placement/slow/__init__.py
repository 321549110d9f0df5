"""A placer that is slow and obviously right: plain Python, one node at a time, nothing kept.

It is written from what documents and records say, and shares no code with the engine, only the
records: every answer is worked out from the nodes and from all that is placed, again for each
replica. How much a score counts is a decision and not a consequence, so those numbers stand here
a second time.
"""

from tests.hub.placement.slow.fleet import Fleet
from tests.hub.placement.slow.reasons import refusals

__all__ = ["Fleet", "refusals"]
