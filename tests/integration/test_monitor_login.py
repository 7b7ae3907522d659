"""The monitor as a process, with a login: what goes over its sockets, and what it logs."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.brokers import RunningBroker
from tests.integration.houses import BASIC, PASSWORD, House
from tests.integration.monitors import Camera, Sender, end_of, messages, picture, running, say
from tests.unit.monitor.auth.users import entry
from tests.waiting import eventually


def test_a_socket_needs_a_login_by_cookie_or_by_password(house: House) -> None:
    for headers in ({}, {"Cookie": "seccam=made-up"}, {"Authorization": "Basic YW5uOm5v"}):
        with pytest.raises(InvalidStatus) as refused:
            house.monitor.socket(additional_headers=headers)
        assert refused.value.response.status_code == 401
    for headers in (house.cookie(), BASIC):
        with house.monitor.socket(additional_headers=headers) as page:
            assert json.loads(page.recv())["user"] == "ann"


def test_a_socket_and_a_stream_end_with_the_user(house: House, broker: RunningBroker) -> None:
    sender = Sender(broker)
    sender.view("front", picture(10))
    monitor = house.monitor
    eventually(lambda: monitor.http.get("/cameras/front/snapshot.jpg", headers=BASIC).status_code == 200)
    with (
        monitor.socket(additional_headers=house.cookie()) as page,
        monitor.socket(additional_headers=BASIC) as program,
        monitor.http.stream("GET", "/cameras/front/stream.mjpeg", headers=BASIC) as stream,
    ):
        say(page, "watch", cams=[0])
        house.employ("ann:broken")
        next(messages(page, "status"))
        eventually(lambda: "users_refused" in house.log.read_text())
        assert monitor.http.get("/cameras", headers=BASIC).status_code == 200  # a broken file changes nothing

        house.employ(entry("bob", "b"))

        assert end_of(page)[1] == 4401
        assert end_of(program)[1] == 4401
        with suppress(httpx.RemoteProtocolError):  # it may be cut
            assert stream.read()
    assert monitor.http.get("/cameras", headers=BASIC).status_code == 401
    assert monitor.http.get("/cameras", headers=house.cookie("bob", "b")).status_code == 200
    assert monitor.metric("seccam_monitor_viewers_closed_total", transport="websocket", reason="login") == 2
    assert monitor.metric("seccam_monitor_viewers_closed_total", transport="mjpeg", reason="login") == 1
    sender.close()


def test_a_socket_ends_with_the_logout_and_no_other_does(house: House) -> None:
    leaving, staying = house.cookie(), house.cookie()
    with house.monitor.socket(additional_headers=leaving) as page, house.monitor.socket(additional_headers=staying) as other:
        assert house.monitor.http.post("/logout", headers=leaving).status_code == 303

        assert end_of(page)[1] == 4401
        assert next(messages(other, "status"))
    assert house.monitor.http.get("/cameras", headers=leaving).status_code == 401
    assert house.monitor.http.get("/cameras", headers=staying).status_code == 200


def test_a_logout_holds_on_other_replicas_and_after_a_restart(house: House, broker: RunningBroker) -> None:
    leaving, staying = house.cookie(), house.cookie()
    shared = {"users_file": str(house.users), "session_key_file": str(house.users.with_name("key"))}
    with running(broker, **shared) as replica, replica.socket(additional_headers=leaving) as page:
        house.monitor.http.post("/logout", headers=leaving)
        eventually(lambda: replica.http.get("/cameras", headers=leaving).status_code == 401)
        assert end_of(page)[1] == 4401
    with running(broker, **shared) as restarted:
        assert restarted.http.get("/cameras", headers=leaving).status_code == 401
        assert restarted.http.get("/cameras", headers=staying).status_code == 200


def test_one_user_can_not_take_all_places_of_the_viewers(house: House, broker: RunningBroker) -> None:
    log = house.log.with_name("other")
    with (
        log.open("wb") as written,
        running(broker, written, users_file=str(house.users), max_viewers="3") as monitor,
        ExitStack() as pages,
    ):
        for _ in range(3):  # a single user has all places
            json.loads(pages.enter_context(monitor.socket(additional_headers=BASIC)).recv())
        pages.close()
        house.employ(entry("ann", PASSWORD), entry("bob", "b"))
        bob = {"Authorization": "Basic " + base64.b64encode(b"bob:b").decode()}
        eventually(lambda: "users_read" in log.read_text())
        eventually(lambda: monitor.metric("seccam_monitor_viewers", transport="websocket") == 0)

        for _ in range(2):
            json.loads(pages.enter_context(monitor.socket(additional_headers=BASIC)).recv())
        with pytest.raises(ConnectionClosedError) as refused:
            pages.enter_context(monitor.socket(additional_headers=BASIC)).recv()
        assert refused.value.rcvd
        assert refused.value.rcvd.code == 4429
        assert json.loads(pages.enter_context(monitor.socket(additional_headers=bob)).recv())["user"] == "bob"
        assert monitor.metric("seccam_monitor_viewers_closed_total", transport="websocket", reason="account_limit") == 1


def test_the_live_view_goes_on_while_a_password_is_checked(house: House) -> None:
    costly = "$2b$14$" + "." * 53  # seconds of work; nobody's password
    house.employ(entry("ann", PASSWORD), f"slow:{costly}")
    eventually(lambda: "users_read" in house.log.read_text())
    with house.monitor.socket(additional_headers=house.cookie()) as page, ThreadPoolExecutor(1) as other:
        began = time.monotonic()
        entering = other.submit(house.monitor.http.post, "/login", data={"name": "slow", "password": "guess"})
        slowest = 0.0
        while not entering.done():
            asked = time.monotonic()
            say(page, "ping", c=0)
            next(messages(page, "pong"))
            slowest = max(slowest, time.monotonic() - asked)
        took = time.monotonic() - began

    assert entering.result().status_code == 401
    assert slowest < took / 2


def test_another_replica_accepts_the_login(house: House, broker: RunningBroker) -> None:
    cookie = house.cookie()
    key = house.users.with_name("key")
    with running(broker, users_file=str(house.users), session_key_file=str(key)) as replica:
        assert replica.http.get("/cameras", headers=cookie).status_code == 200
    with running(broker, users_file=str(house.users)) as stranger:
        assert stranger.http.get("/cameras", headers=cookie).status_code == 401


@pytest.mark.parametrize(
    ("player", "path"),
    [
        (["curl", "-sf", "{}"], "snapshot.jpg"),
        (["ffmpeg", "-v", "error", "-i", "{}", "-frames:v", "1", "-f", "mjpeg", "-"], "stream.mjpeg"),
    ],
    ids=["curl", "ffmpeg"],
)
def test_players_send_the_password_in_their_url(house: House, broker: RunningBroker, player: list[str], path: str) -> None:
    with Camera(broker, "front", [picture(40), picture(200)]):
        eventually(lambda: house.monitor.http.get("/cameras/front/snapshot.jpg", headers=BASIC).status_code == 200)
        address = f"http://ann:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{house.monitor.port}/cameras/front/{path}"
        played = subprocess.run([part.format(address) for part in player], capture_output=True, timeout=60, check=True)

    assert played.stdout.startswith(b"\xff\xd8")


def test_a_trusted_proxy_is_believed(house: House) -> None:
    def entering(address: str, scheme: str, password: str) -> httpx.Response:
        headers = {"X-Forwarded-For": address, "X-Forwarded-Proto": scheme}
        return house.monitor.http.post("/login", data={"name": address, "password": password}, headers=headers)

    assert [entering("203.0.113.1", "https", "no").status_code for _ in range(6)] == [401] * 5 + [429]
    assert entering("203.0.113.2", "https", "no").status_code == 401
    headers = {"X-Forwarded-For": "203.0.113.2", "X-Forwarded-Proto": "https"}
    answer = house.monitor.http.post("/login", data={"name": "ann", "password": PASSWORD}, headers=headers)
    assert answer.headers["set-cookie"].startswith("__Host-seccam=")
    assert "secure" in answer.headers["set-cookie"].lower()


def test_probes_need_no_login_and_have_a_port_of_their_own(house: House) -> None:
    assert house.monitor.ready()
    assert house.monitor.alive()
    assert house.monitor.metric("seccam_monitor_logins_total", outcome="ok") == 0
    for path in ("/healthz", "/readyz", "/metrics"):
        assert house.monitor.http.get(path).status_code == 401
        assert house.monitor.http.get(path, headers=BASIC).status_code == 404


def test_no_log_has_a_password_or_a_cookie(house: House) -> None:
    cookie = house.cookie()["Cookie"].partition("=")[2]
    client = house.monitor.http
    client.post("/login", data={"name": "hunter2-as-name", "password": "hunter2"})
    client.get("/cameras", headers={"Cookie": f"seccam={cookie}"})
    client.get("/cameras", headers=BASIC)
    client.get("/cameras", auth=("ann", "hunter2"))
    client.post("/logout", headers={"Cookie": f"seccam={cookie}"})
    eventually(lambda: "logout" in house.log.read_text())

    hashed = house.users.read_text().partition("$2b$")[2]
    for secret in (PASSWORD, "hunter2", cookie, BASIC["Authorization"].partition(" ")[2], hashed):
        assert secret not in house.log.read_text()
