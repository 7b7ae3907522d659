"""The login: every request needs a session or a name and password, except for the login page itself."""

from __future__ import annotations

import base64
import binascii
import html
import string
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from seccam import audit, logs
from seccam_monitor.auth import safe_redirect
from seccam_monitor.auth.credentials import Credentials, LoginAttempt, LoginResult
from seccam_monitor.auth.lockout import network_of, retry_after
from seccam_monitor.auth.sessions import Session, Sessions
from seccam_monitor.auth.users import UsersFile
from seccam_monitor.http.body import body_of

#: Paths that need no login: the login page and its files.
OPEN = frozenset({"/login", "/static/style.css", "/static/login.css", "/static/icon.svg"})

_COOKIE = "seccam"
#: With this prefix, browsers accept the cookie only over TLS, for all paths, and for no other host.
_SECURE_COOKIE = "__Host-seccam"
_USER = "seccam.user"
_CHALLENGE = 'Basic realm="seccam", charset="UTF-8"'
_WRONG = "Wrong name or password."


@dataclass(frozen=True)
class User:
    """A user who has logged in."""

    name: str
    #: Whether the login is still valid.
    still_valid: Callable[[], bool]


def user_of(scope: Mapping[str, Any]) -> User | None:
    """The user who sent the request; None if there is no login."""
    user: User | None = scope.get(_USER)
    return user


def who(scope: Mapping[str, Any]) -> dict[str, str | None]:
    """Who sent the request, for the audit log."""
    user = user_of(scope)
    return {"user": user.name if user else None, "address": address_of(scope)}


class Login:
    """The login page, and the check of every request."""

    def __init__(self, users: UsersFile, sessions: Sessions, credentials: Credentials, page: Path) -> None:
        self._users, self._sessions, self._credentials = users, sessions, credentials
        self._page = string.Template(page.read_text("utf-8"))
        self._pauses = logs.Throttle()

    def add_to(self, app: FastAPI) -> ASGIApp:
        """Add the login and logout routes, and return the application with everything else behind the login."""

        @app.get("/login", include_in_schema=False)
        async def form(request: Request) -> Response:
            wanted = safe_redirect.local_path(request.query_params.get("next"))
            return RedirectResponse(wanted, 303) if self._session(request) else self._form()

        @app.post("/login", include_in_schema=False)
        async def enter(request: Request) -> Response:
            return await self._enter(request)

        @app.post("/logout", include_in_schema=False)
        async def leave(request: Request) -> Response:
            return self._leave(request)

        _describe(app)
        return LoginRequired(app, self)

    async def authenticate(self, caller: HTTPConnection) -> User | LoginResult:
        """The user, by cookie or HTTP Basic; otherwise the reason for the refusal."""
        session = self._session(caller)
        if session:
            return User(session.name, lambda: self._sessions.is_valid(session, time.time()))
        attempt = _basic(caller)
        if attempt is None:
            return LoginResult("refused")
        result = await self._credentials.check_cached(attempt)
        if result.hashed is None:
            self._note_refusal(result, attempt)
            return result
        return User(attempt.name, lambda: self._users.hash_of(attempt.name) == result.hashed)

    def _session(self, caller: HTTPConnection) -> Session | None:
        cookie = caller.cookies.get(_cookie_of(caller))
        return self._sessions.read(cookie, time.time()) if cookie else None

    def _form(self, status: int = 200, *, message: str = "", name: str = "", wait: int = 0) -> Response:
        filled = self._page.substitute(
            message=html.escape(message),
            hidden="" if message else "hidden",
            name=html.escape(name),
            name_focus="" if name else "autofocus",
            password_focus="autofocus" if name else "",
        )
        return HTMLResponse(filled, status, headers={"retry-after": str(wait)} if wait else None)

    async def _enter(self, request: Request) -> Response:
        fields = await _fields(request)
        if fields is None:
            return PlainTextResponse("This is not a login form.\n", 400)
        attempt = LoginAttempt(fields.get("name", ""), fields.get("password", ""), address_of(request.scope))
        result = await self._credentials.check(attempt)
        if result.hashed is None:
            self._note_refusal(result, attempt)
            if result.outcome == "limited":
                wait = retry_after(result.wait)
                return self._form(429, message=_limited(wait), name=attempt.name, wait=wait)
            return self._form(401, message=_WRONG, name=attempt.name)
        audit.note("login", user=attempt.name, address=attempt.address)
        answer = RedirectResponse(safe_redirect.local_path(request.query_params.get("next")), 303)
        cookie = self._sessions.begin(attempt.name, result.hashed, time.time())
        answer.set_cookie(_cookie_of(request), cookie, max_age=round(self._sessions.seconds), **_cookie_kind(request))
        return answer

    def _leave(self, request: Request) -> Response:
        session = self._session(request)
        if session:
            self._sessions.end(session, time.time())
            audit.note("logout", user=session.name, address=address_of(request.scope))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(_cookie_of(request), **_cookie_kind(request))
        return answer

    def _note_refusal(self, result: LoginResult, attempt: LoginAttempt) -> None:
        """Note who was refused, if it is a user: people type passwords into the field of the name.

        Attempts during a pause cost their sender nothing, so not each one is noted.
        """
        if result.outcome == "limited" and not self._pauses.allows(network_of(attempt.address)):
            return
        known = self._users.hash_of(attempt.name) is not None
        audit.note(f"login_{result.outcome}", user=attempt.name if known else None, address=attempt.address)


class LoginRequired:
    """ASGI middleware: only OPEN paths pass without a login, so new routes are covered automatically."""

    def __init__(self, app: ASGIApp, login: Login) -> None:
        self._app, self._login = app, login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] not in ("http", "websocket") or (scope["type"] == "http" and scope["path"] in OPEN):
            await self._app(scope, receive, send)
            return
        caller = HTTPConnection(scope)
        found = await self._login.authenticate(caller)
        if isinstance(found, User):
            scope[_USER] = found
            await self._app(scope, receive, send)
        else:
            await _refusal(caller, found)(scope, receive, send)


def _refusal(caller: HTTPConnection, result: LoginResult) -> Response:
    """The response to a request without a login: browsers are redirected to the form, programs get an error."""
    if result.outcome == "limited":
        wait = retry_after(result.wait)
        return JSONResponse({"detail": _limited(wait)}, 429, {"retry-after": str(wait)})
    if caller.scope.get("method") in ("GET", "HEAD") and "text/html" in caller.headers.get("accept", ""):
        query = caller.scope["query_string"].decode("latin-1")
        return RedirectResponse(safe_redirect.login_url(quote(caller.scope["path"]) + (f"?{query}" if query else "")), 303)
    # VLC and ffmpeg send a password only when challenged; a browser would open a prompt of its own for each picture
    asked = {} if caller.headers.get("user-agent", "").startswith("Mozilla/") else {"www-authenticate": _CHALLENGE}
    return JSONResponse({"detail": "Login required: use /login or HTTP Basic."}, 401, asked)


def _limited(wait: int) -> str:
    return f"Too many attempts. Try again in {wait} s."


def _basic(caller: HTTPConnection) -> LoginAttempt | None:
    """The name and password from HTTP Basic; None without them."""
    scheme, _, encoded = caller.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return LoginAttempt(name, password, address_of(caller.scope)) if colon else None


async def _fields(request: Request) -> dict[str, str] | None:
    """The form's fields; None if it is too large or doesn't arrive in time."""
    body = await body_of(request)
    return None if body is None else dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def address_of(scope: Mapping[str, Any]) -> str:
    """Where the request came from; behind trusted proxies, their client's address. Empty if it isn't known."""
    return scope["client"][0] if scope.get("client") else ""


def _cookie_of(caller: HTTPConnection) -> str:
    return _SECURE_COOKIE if _over_tls(caller) else _COOKIE


def _cookie_kind(caller: HTTPConnection) -> dict[str, Any]:
    return {"path": "/", "secure": _over_tls(caller), "httponly": True, "samesite": "lax"}


def _over_tls(caller: HTTPConnection) -> bool:
    return caller.scope["scheme"] in ("https", "wss")


def _describe(app: FastAPI) -> None:
    """Describe the login in /openapi.json."""
    plain: Callable[[], dict[str, Any]] = app.openapi

    def described() -> dict[str, Any]:
        schema = plain()
        schema.setdefault("components", {})["securitySchemes"] = {
            "basic": {"type": "http", "scheme": "basic"},
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": _COOKIE,
                "description": f"Set by POST /login with the fields name and password; over TLS its name is {_SECURE_COOKIE}.",
            },
        }
        schema["security"] = [{"basic": []}, {"session": []}]
        return schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's documented way to extend it
