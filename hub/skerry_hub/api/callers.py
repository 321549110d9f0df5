"""What the guard gives a route: who asks, and a place for what came of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from skerry_hub.access.tokens import Caller
from skerry_hub.api.guarding import CALLER, FACTS


async def caller_of(request: Request) -> Caller:
    """Return who asks. The guard says so; without it nothing is answered at all."""
    found = request.scope[CALLER]
    if not isinstance(found, Caller):
        raise TypeError("the guard did not say who asks")
    return found


async def facts_of(request: Request) -> dict[str, str]:
    """Return where a route puts what the outcome's row in the audit log is to say.

    What asks to be looked up later, such as the id of what was made. Never a secret.
    """
    found: dict[str, str] = request.scope.setdefault(FACTS, {})
    return found


Facts = Annotated[dict[str, str], Depends(facts_of)]
By = Annotated[Caller, Depends(caller_of)]
