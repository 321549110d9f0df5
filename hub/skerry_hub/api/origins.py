"""What a browser is made to ask by pages of other sites: refused."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from skerry_hub.api.bodies import problems_of
from skerry_hub.views import Problem


class SameOrigin:
    """Refuses what a page of another site makes an operator's browser send.

    With `--auth off` the API needs no token, and a browser of the same machine reaches it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and origin.partition("://")[2] != headers.get("host"):
                refusal = problems_of(403, Problem(reason="requests of other sites are refused"))
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
