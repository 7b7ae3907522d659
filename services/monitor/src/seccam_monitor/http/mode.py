"""The routes of the mode: which events are told, and commands to tell others."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, Field

from seccam import audit
from seccam.errors import BadMessage
from seccam.message import ModeReport
from seccam.order import Order
from seccam_monitor.auth.login import address_of, user_of, who
from seccam_monitor.commands import CONFIRM_SECONDS, REPORT_SECONDS, Commands
from seccam_monitor.http.body import body_of

_ORDER = {"requestBody": {"required": True, "content": {"application/json": {"example": {"mode": "disarmed", "minutes": 90}}}}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    422: {"description": "Not an order; the answer says why"},
    503: {"description": "The broker didn't confirm it in time"},
}


class CommandInfo(BaseModel):
    """A command that the broker has."""

    id: str = Field(description="Its id, which the notifier's log names.")


def add_to(app: FastAPI, commands: Commands) -> None:
    """Add GET and POST /mode."""

    @app.get("/mode", response_model_exclude_none=True, responses={503: {"description": "The mode is not known"}})
    async def mode(response: Response) -> ModeReport:
        """Which events are told, as the notifier reported last; its times are milliseconds since 1970 UTC."""
        response.headers["cache-control"] = "no-store"
        report = commands.mode(time.monotonic())
        if report is None:
            seconds = f"{REPORT_SECONDS:.0f} s"
            raise HTTPException(503, f"The mode is unknown: the notifier has reported none for {seconds}. Is it running?")
        return report

    @app.post("/mode", status_code=202, responses=_ANSWERS, openapi_extra=_ORDER)
    async def order(request: Request) -> CommandInfo:
        """Set the mode, or snooze cameras: an order as in docs/ref/wire-format.md. 202: the notifier carries it out next."""
        command = _read(await body_of(request)).command(_name(request), _origin(request), datetime.now(UTC))
        confirmed = await commands.give(command)
        said = command.data.model_dump(mode="json", exclude_none=True, include={"mode", "until", "snooze"})
        audit.note("command", **who(request.scope), id=command.id, confirmed=confirmed, **said)
        if not confirmed:
            seconds = f"{CONFIRM_SECONDS:.0f} s"
            raise HTTPException(503, f"The broker has not confirmed the command within {seconds}. Look at the mode, and try again.")
        return CommandInfo(id=command.id)


def _read(body: bytes | None) -> Order:
    if body is None:
        raise HTTPException(413, "The body is too large, or didn't arrive in time.")
    try:
        return Order.read(body)
    except BadMessage as e:
        raise HTTPException(422, str(e)) from None


def _name(request: Request) -> str:
    """The user; without a login, the address."""
    user = user_of(request.scope)
    return (user.name if user else address_of(request.scope))[:64] or "somebody"


def _origin(request: Request) -> Any:
    """Browsers name the page that sends a request; other programs don't."""
    return "page" if "origin" in request.headers else "api"
