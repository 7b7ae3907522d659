"""Who gets in, and what those get who don't. The whole application, without a broker and without a port."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from seccam_monitor.auth import login as login_module
from seccam_monitor.auth import passwords
from seccam_monitor.auth.credentials import Credentials
from seccam_monitor.auth.lockout import MAX_FAILURES
from seccam_monitor.auth.login import Login
from seccam_monitor.auth.sessions import Sessions
from seccam_monitor.auth.users import UsersFile
from seccam_monitor.http import app as monitor_app
from seccam_monitor.http import body as body_module
from seccam_monitor.http.request_guard import CONTENT_SECURITY_POLICY
from seccam_monitor.ingest.cameras import Cameras
from seccam_monitor.ingest.visits import VisitList
from seccam_monitor.metrics import Metrics
from seccam_monitor.viewers.hub import Hub
from tests.unit.monitor.auth.users import entry
from tests.unit.monitor.routes import inner, templates, unconnected

KEY = b"k" * 32
HTML = {"accept": "text/html,*/*;q=0.8"}
HTTP, HTTPS = "http://localhost:8080", "https://localhost:8443"
#: Paths of nothing, or of something else than they look like.
_SLANTED = ("/nothing", "/static/", "/static/%2e%2e/login", "/login/", "/%2flogin", "/static/login.html", "/LOGIN")
RIGHT, WRONG = {"name": "ann", "password": "open sesame"}, {"name": "ann", "password": "open barley"}


class House:
    """An application with a login, in front of one camera."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "users"
        self.file.write_text(f"{entry('ann', 'open sesame')}\n{entry('bob', 'b')}\n")
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry, ["front"])
        hub = Hub(Cameras(["front"], time.monotonic()), VisitList(60.0), away=30.0, max_viewers=5, loop=asyncio.get_running_loop())
        self.users = UsersFile(str(self.file))
        login = Login(
            self.users,
            Sessions(KEY, 3600.0, self.users.hash_of),
            Credentials(self.users, metrics.logins),
            monitor_app.WEB / "login.html",
        )
        self.app = monitor_app.create(hub, metrics, frozenset({"cam.example"}), login, commands=unconnected(metrics))

    def client(self, base: str = HTTP, *, address: str = "10.0.0.1", **more: Any) -> httpx.AsyncClient:
        """A browser or program at this address."""
        transport = httpx.ASGITransport(app=self.app, client=(address, 1234))
        return httpx.AsyncClient(transport=transport, base_url=base, **more)

    def logins(self, outcome: str) -> float:
        """The metric."""
        value = self.registry.get_sample_value("seccam_monitor_logins_total", {"outcome": outcome})
        assert value is not None
        return value


#: A test's body.
Body = Callable[[House], Awaitable[None]]


@pytest.fixture
def within(tmp_path: Path) -> Callable[[Body], None]:
    """Runs a test's body in a house of its own."""

    async def run(body: Body) -> None:
        await body(House(tmp_path))

    return lambda body: asyncio.run(run(body))


def paths(app: ASGIApp) -> set[str]:
    """A path of every route, and every static file's."""
    return {template.format(name="front", event_id="front-1-1") for template in templates(app)}


def test_without_a_login_only_the_login_page_and_its_files_are_served(within: Callable[[Body], None]) -> None:
    async def body(house: House) -> None:
        everything = paths(house.app)
        assert {"/", "/cameras", "/events", "/ws", "/openapi.json", "/static/main.js", "/logout"} <= everything
        assert everything > login_module.OPEN
        async with house.client() as client:
            for path in [*sorted(everything - login_module.OPEN), *_SLANTED]:
                for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
                    answer = await client.request(method, path)
                    assert answer.status_code == 401, (method, path)
                    assert answer.headers["www-authenticate"].startswith("Basic ")
                answer = await client.get(path, headers=HTML)
                assert answer.status_code == 303, path
                assert answer.headers["location"].startswith("/login?next=/"), path
            for path in login_module.OPEN:
                assert (await client.get(path)).status_code == 200, path

    within(body)


def test_new_routes_are_covered_automatically(within: Callable[[Body], None]) -> None:
    async def body(house: House) -> None:
        inner(house.app).add_api_route("/new", lambda: "secret")
        async with house.client() as client:
            assert (await client.get("/new")).status_code == 401
            assert (await client.get("/new", auth=("ann", "open sesame"))).json() == "secret"

    within(body)


@pytest.mark.parametrize(("base", "cookie", "secure"), [(HTTP, "seccam", False), (HTTPS, "__Host-seccam", True)])
def test_the_right_password_opens_everything_until_the_logout(
    within: Callable[[Body], None], base: str, cookie: str, secure: bool
) -> None:
    async def body(house: House) -> None:
        async with house.client(base) as client:
            answer = await client.post("/login?next=/cameras", data=RIGHT)
            assert (answer.status_code, answer.headers["location"]) == (303, "/cameras")
            (set_cookie,) = answer.headers.get_list("set-cookie")
            assert set_cookie.startswith(f"{cookie}=")
            kinds = {kind.strip().lower() for kind in set_cookie.split(";")[1:]}
            assert kinds == {"httponly", "samesite=lax", "path=/", "max-age=3600"} | ({"secure"} if secure else set())
            assert [camera["name"] for camera in (await client.get("/cameras")).json()] == ["front"]
            assert (await client.get("/login?next=/cameras")).headers["location"] == "/cameras"
            stolen = "; ".join(f"{name}={value}" for name, value in client.cookies.items())

            answer = await client.post("/logout")

            assert (answer.status_code, answer.headers["location"]) == (303, "/login")
            assert not client.cookies
            assert (await client.get("/cameras")).status_code == 401
            assert (await client.get("/cameras", headers={"cookie": stolen})).status_code == 401
            assert house.logins("ok") == 1

    within(body)


def test_a_cookie_set_without_tls_is_not_accepted_over_tls(within: Callable[[Body], None]) -> None:
    async def body(house: House) -> None:
        async with house.client() as plain, house.client(HTTPS) as secure:
            await plain.post("/login", data=RIGHT)
            value = plain.cookies["seccam"]
            for client, name, status in ((plain, "seccam", 200), (secure, "seccam", 401), (secure, "__Host-seccam", 200)):
                client.cookies.clear()
                assert (await client.get("/cameras", headers={"cookie": f"{name}={value}"})).status_code == status

    within(body)


@pytest.mark.parametrize("next_place", ["//evil.example", "https://evil.example/", "/\\evil.example", "/%09/evil.example", ""])
def test_the_login_leads_nowhere_else(within: Callable[[Body], None], next_place: str) -> None:
    async def body(house: House) -> None:
        async with house.client() as client:
            answer = await client.post("/login", params={"next": next_place}, data=RIGHT)
            assert answer.headers["location"] in ("/", "/%09/evil.example")

    within(body)


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(within: Callable[[Body], None]) -> None:
    async def body(house: House) -> None:
        async with house.client() as client:
            wrong = await client.post("/login", data=WRONG)
            nobody = await client.post("/login", data={**RIGHT, "name": '"><script>'})
            empty = await client.post("/login", data={})
            for answer in (wrong, nobody, empty):
                assert answer.status_code == 401
                assert "Wrong name or password." in answer.text
                assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
                assert "set-cookie" not in answer.headers
            assert 'value="ann"' in wrong.text
            assert "<script>" not in nobody.text
            assert "open barley" not in wrong.text
            assert house.logins("refused") == 3

    within(body)


def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(within: Callable[[Body], None]) -> None:
    async def body(house: House) -> None:
        async with house.client() as client, house.client(address="10.0.0.2") as elsewhere:
            for _ in range(MAX_FAILURES):
                assert (await client.post("/login", data=WRONG)).status_code == 401
            for who, form in ((client, RIGHT), (elsewhere, RIGHT), (client, {"name": "bob", "password": "b"})):
                answer = await who.post("/login", data=form)
                assert answer.status_code == 429
                assert "Too many attempts. Try again in 30 s." in answer.text
                assert answer.headers["retry-after"] == "30"
            basic = await client.get("/cameras", auth=("bob", "b"))
            assert basic.status_code == 429
            assert basic.json() == {"detail": "Too many attempts. Try again in 30 s."}
            assert basic.headers["retry-after"] == "30"
            assert (await elsewhere.get("/cameras", auth=("bob", "b"))).status_code == 200
            assert (house.logins("limited"), house.logins("refused"), house.logins("ok")) == (4, MAX_FAILURES, 1)

    within(body)


def test_many_attempts_at_once_do_not_get_around_the_limit(within: Callable[[Body], None]) -> None:
    async def body(house: House) -> None:
        async with house.client() as client:
            tries = [client.post("/login", data={**WRONG, "password": f"guess {i}"}) for i in range(15)]
            answers = await asyncio.gather(*tries, client.post("/login", data=RIGHT))
            assert [answer.status_code for answer in answers].count(401) == MAX_FAILURES
            assert answers[-1].status_code == 429

    within(body)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The hashes that passwords were checked against."""
    hashes: list[bytes] = []

    def noting(password: str, known: bytes, *, really: Callable[[str, bytes], bool] = passwords.matches) -> bool:
        hashes.append(known)
        return really(password, known)

    monkeypatch.setattr(passwords, "matches", noting)
    return hashes


def test_an_unknown_name_is_checked_like_any_other(within: Callable[[Body], None], checked: list[bytes]) -> None:
    async def body(house: House) -> None:
        async with house.client() as client:
            for name in ("ann", "nobody"):
                await client.post("/login", data={**WRONG, "name": name})
            assert [known[:7] for known in checked] == [b"$2b$05$"] * 2
            assert checked[0] != checked[1]

    within(body)


def test_a_refusal_costs_as_much_for_a_cheap_hash_as_for_an_unknown_name(
    within: Callable[[Body], None], checked: list[bytes]
) -> None:
    def work() -> int:
        rounds: int = sum(2 ** int(known[4:6]) for known in checked)
        checked.clear()
        return rounds

    async def body(house: House) -> None:
        house.file.write_text(f"{entry('ann', 'open sesame', cost=5)}\n{entry('bob', 'b', cost=8)}\n")
        house.users.refresh()
        async with house.client() as client:
            spent = {}
            for name in ("ann", "bob", "nobody"):
                await client.post("/login", data={**WRONG, "name": name})
                spent[name] = work()
            assert spent == dict.fromkeys(("ann", "bob", "nobody"), 2**8)
            await client.post("/login", data=RIGHT)
            assert work() == 2**5

    within(body)


def test_a_program_that_sends_its_password_each_time_has_it_checked_once(
    within: Callable[[Body], None], checked: list[bytes]
) -> None:
    async def body(house: House) -> None:
        ann = ("ann", "open sesame")
        async with house.client(auth=ann) as client, house.client(address="10.0.0.2", auth=ann) as elsewhere:
            answers = await asyncio.gather(*(client.get("/cameras") for _ in range(10)))
            assert {answer.status_code for answer in answers} == {200}
            assert (await client.get("/events")).status_code == 200
            assert len(checked) == 1
            await elsewhere.get("/cameras")
            assert len(checked) == 2

            house.file.unlink()
            house.file.write_text(entry("ann", "another"))
            house.users.refresh()
            assert (await client.get("/cameras")).status_code == 401
            assert len(checked) == 3

    within(body)


def test_the_memory_answers_no_guesses_of_an_address_that_is_locked_out(within: Callable[[Body], None]) -> None:
    async def body(house: House) -> None:
        async with house.client() as client, house.client(address="10.0.0.2") as player:
            right = ("ann", "open sesame")
            assert (await client.get("/cameras", auth=right)).status_code == 200
            assert (await player.get("/cameras", auth=right)).status_code == 200
            for _ in range(MAX_FAILURES):
                await client.get("/cameras", auth=("ann", "guess"))
            assert (await client.get("/cameras", auth=right)).status_code == 429
            assert (await player.get("/cameras", auth=right)).status_code == 200  # others' guesses don't stop it

    within(body)


def test_a_player_goes_on_while_others_behind_its_address_guess(within: Callable[[Body], None]) -> None:
    async def body(house: House) -> None:
        async with house.client() as client:
            right = ("ann", "open sesame")
            assert (await client.get("/cameras", auth=right)).status_code == 200
            for i in range(MAX_FAILURES):
                await client.get("/cameras", auth=("bob", f"guess {i}"))
            assert (await client.get("/cameras", auth=("bob", "b"))).status_code == 429
            assert (await client.get("/cameras", auth=right)).status_code == 200

    within(body)


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Bearer abc",
        "Basic " + base64.b64encode(b":").decode(),
    ],
)
def test_a_malformed_authorization_header_is_refused(within: Callable[[Body], None], header: str) -> None:
    async def body(house: House) -> None:
        async with house.client() as client:
            assert (await client.get("/cameras", headers={"authorization": header})).status_code == 401

    within(body)


def test_a_browser_gets_no_password_prompt_of_its_own(within: Callable[[Body], None]) -> None:
    async def body(house: House) -> None:
        async with house.client(headers={"user-agent": "Mozilla/5.0 (X11)"}) as client:
            answer = await client.get("/cameras")
            assert answer.status_code == 401
            assert "www-authenticate" not in answer.headers

    within(body)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://localhost:8080", "sec-fetch-site": "cross-site"},
    ],
)
@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_a_page_of_another_site_can_neither_log_in_nor_out(
    within: Callable[[Body], None], headers: dict[str, str], path: str
) -> None:
    async def body(house: House) -> None:
        async with house.client() as client:
            await client.post("/login", data=RIGHT, headers={"origin": HTTP, "sec-fetch-site": "same-origin"})
            answer = await client.post(path, data=RIGHT, headers=headers)
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers
            assert (await client.get("/cameras")).status_code == 200

    within(body)


def test_a_form_that_is_too_large_is_not_read(within: Callable[[Body], None]) -> None:
    async def body(house: House) -> None:
        async with house.client() as client:
            answer = await client.post("/login", data={**RIGHT, "more": "x" * 5000})
            assert answer.status_code == 400
            assert sum(house.logins(outcome) for outcome in ("ok", "refused", "limited")) == 0

    within(body)


def test_a_form_that_never_arrives_times_out(within: Callable[[Body], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "_PATIENCE", 0.05)

    async def dribble() -> AsyncIterator[bytes]:
        yield b"name=ann&"
        await asyncio.Event().wait()

    async def body(house: House) -> None:
        async with house.client() as client:
            answer = await client.post("/login", content=dribble())
            assert answer.status_code == 400

    within(body)


def test_openapi_describes_the_login(within: Callable[[Body], None]) -> None:
    async def body(house: House) -> None:
        async with house.client(auth=("ann", "open sesame")) as client:
            schema = (await client.get("/openapi.json")).json()
            assert schema["security"] == [{"basic": []}, {"session": []}]
            assert set(schema["components"]["securitySchemes"]) == {"basic", "session"}

    within(body)
