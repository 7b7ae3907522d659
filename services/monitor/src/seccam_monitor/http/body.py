"""Bodies of requests, which may be without end."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

#: Largest body that is read in bytes, and the seconds within which it must arrive.
_MAX_BYTES, _PATIENCE = 4096, 10.0


async def body_of(request: Request) -> bytes | None:
    """The body; None if it is too large or doesn't arrive in time."""
    body = b""
    try:
        async with asyncio.timeout(_PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MAX_BYTES:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    return body
