"""Who asks, for the routes that answer differently to different callers."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from skerry_hub.access.tokens import Caller
from skerry_hub.api.guarding import CALLER


async def caller_of(request: Request) -> Caller:
    """Return who asks. The guard says so; without it nothing is answered at all."""
    found = request.scope[CALLER]
    if not isinstance(found, Caller):
        raise TypeError("the guard did not say who asks")
    return found


By = Annotated[Caller, Depends(caller_of)]
