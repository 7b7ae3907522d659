"""Every route of a running monitor against those who have no login, pages of other sites, and paths that are not what they seem.

The routes are those of the application, so a new one is attacked without a change here.
"""

from __future__ import annotations

import asyncio
import http.client
import secrets
import time
from collections.abc import Iterator, Mapping

import pytest
from itsdangerous import URLSafeSerializer
from prometheus_client import CollectorRegistry
from websockets.exceptions import InvalidStatus

from seccam_monitor.auth.credentials import Credentials
from seccam_monitor.auth.login import Login
from seccam_monitor.auth.sessions import Sessions
from seccam_monitor.auth.users import UsersFile
from seccam_monitor.http import app as monitor_app
from seccam_monitor.ingest.cameras import Cameras
from seccam_monitor.ingest.visits import VisitList
from seccam_monitor.metrics import Metrics
from seccam_monitor.viewers.hub import Hub
from tests.brokers import RunningBroker
from tests.integration.houses import BASIC, House, open_house
from tests.integration.monitors import Sender, noise
from tests.unit.monitor.auth.users import entry, hashed
from tests.unit.monitor.routes import templates, unconnected
from tests.waiting import eventually

#: What services/monitor/PROTOCOL.md says is open.
OPEN = frozenset({"/login", "/static/style.css", "/static/login.css", "/static/icon.svg"})
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
DAY = 86_400.0

CAMERA = f"attic-{secrets.token_hex(4)}"
PICTURE = noise(4711, width=160, height=90)

#: Ways to write `..`, `/` and nothing, of which one may be understood by a layer and not by the one before it.
SLANTS = (
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    "..%252f",
    "%252e%252e%252f",
    "..%5c",
    "....//",
    "..;/",
    ".%00./",
    "%c0%ae%c0%ae/",
)
ENDS = ("", "/", "//", "/.", "%2f", "%00", ";", "?", "#", "%20", "%0a", ".js", "%23", "%3f", "/..", ";.css")


class Target(House):
    """A monitor that has something to steal."""

    def __init__(self, house: House) -> None:
        super().__init__(house.monitor, house.users, house.log)
        self.key = house.users.with_name("key").read_bytes()
        # not to be had without a login: the camera's name, its picture, the users, the key
        self.secrets = [CAMERA.encode(), PICTURE[100:160], b"$2b$", self.key.strip(), b"root:x:0"]
        self._connection = http.client.HTTPConnection("127.0.0.1", house.monitor.port, timeout=20)
        # before the attacks, whose wrong passwords lock the user out
        self.good, self.gone = self.cookie(), self.cookie()
        assert self.ask("GET", "/cameras", self.gone)[0] == 200
        assert self.ask("POST", "/logout", self.gone)[0] == 303

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status, and head and body; the path goes out as it is."""
        try:
            self._connection.putrequest(method, path, skip_host=bool(headers and "Host" in headers))
            for name, value in (headers or {}).items():
                self._connection.putheader(name, value)
            self._connection.endheaders()
            with self._connection.getresponse() as answer:
                head = str(answer.headers).encode("utf-8", "surrogateescape")
                return answer.status, head + (b"" if "multipart" in answer.headers.get("content-type", "") else answer.read())
        finally:
            if self._connection.sock is None or method in ("POST", "PUT", "PATCH") or path.endswith(".mjpeg"):
                self._connection.close()  # a refusal need not have read a body

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def gives_away(self, answer: bytes) -> list[bytes]:
        """The secrets in it."""
        return [secret for secret in self.secrets if secret in answer]


@pytest.fixture(scope="module")
def target(running_broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    running_broker.ensure_running()
    running_broker.empty()
    with open_house(running_broker, tmp_path_factory.mktemp("target")) as house:
        sender, target = Sender(running_broker), Target(house)
        sender.view(CAMERA, PICTURE)
        visit = sender.event(CAMERA, 1, snapshot=PICTURE)
        eventually(lambda: target.ask("GET", f"/events/{visit}/picture.jpg", BASIC)[0] == 200)
        sender.close()
        yield target
        target.close()


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The paths of the application."""
    file = tmp_path_factory.mktemp("table") / "users"
    file.write_text(entry("ann", "a"))
    metrics, users, loop = Metrics(CollectorRegistry(), []), UsersFile(str(file)), asyncio.new_event_loop()
    hub = Hub(Cameras([], 0.0), VisitList(60.0), away=30.0, max_viewers=5, loop=loop)
    sessions, credentials = Sessions(b"k" * 32, DAY, users.hash_of), Credentials(users, metrics.logins)
    login = Login(users, sessions, credentials, monitor_app.WEB / "login.html")
    app = monitor_app.create(hub, metrics, frozenset(), login, commands=unconnected(metrics))
    loop.close()
    return sorted(templates(app))


def filled(routes: list[str], value: str = CAMERA) -> list[str]:
    return [route.format(name=value, event_id=f"{value}-b1-1") for route in routes]


def strangers(target: Target) -> dict[str, dict[str, str]]:
    """Who has no login, or none any more -> the headers that they send."""
    now, hash_of = time.time(), {"ann": hashed("correct horse battery"), "eve": hashed("e")}.get
    ours = Sessions(target.key, 7 * DAY, hash_of)
    good = target.good["Cookie"].partition("=")[2]
    payload, _, signature = good.rpartition(".")
    unsigned = URLSafeSerializer(b"").dumps(["id", "ann", round(now), "seal"])
    cookies = {
        "an empty cookie": "",
        "a made-up cookie": "ann",
        "a cookie without a signature": payload,
        "a cookie with an empty signature": f"{payload}.",
        "a cookie with another's signature": f"{str(unsigned).rpartition('.')[0]}.{signature}",
        "a cookie signed with another key": Sessions(b"x" * 48, DAY, hash_of).begin("ann", hashed("correct horse battery"), now),
        "a cookie signed with an empty key": str(unsigned),
        "an expired cookie": ours.begin("ann", hashed("correct horse battery"), now - 8 * DAY),
        "a cookie of an earlier password": ours.begin("ann", hashed("earlier"), now),
        "a cookie of a deleted user": ours.begin("eve", hashed("e"), now),
    }
    return {
        "nobody": {},
        **{who: {"Cookie": f"seccam={cookie}"} for who, cookie in cookies.items()},
        "a logged-out cookie": target.gone,
        "a good cookie under the name for TLS": {"Cookie": f"__Host-seccam={good}"},
        "a wrong password": {"Authorization": "Basic YW5uOndyb25n"},
        "an unknown user": {"Authorization": "Basic bm9ib2R5Og=="},
        "half a password": {"Authorization": "Basic YW5u"},
        "a token": {"Authorization": f"Bearer {good}"},
        "a user named by a proxy": {"X-Forwarded-User": "ann", "X-Remote-User": "ann", "Remote-User": "ann"},
        "another path named by a proxy": {"X-Original-URL": "/login", "X-Rewrite-URL": "/login", "X-Forwarded-Prefix": "/login"},
        "another method": {"X-HTTP-Method-Override": "GET"},
    }


def test_without_a_login_every_route_and_method_is_refused_but_the_login_page(target: Target, routes: list[str]) -> None:
    paths = filled(routes)
    assert {"/", "/cameras", "/events", "/ws", "/logout", "/openapi.json", "/static/main.js", *OPEN} <= set(paths)
    wrong = []
    for who, headers in strangers(target).items():
        for method in METHODS if who == "nobody" else ("GET", "POST"):
            for path in paths:
                status, answer = target.ask(method, path, headers)
                is_open = path in OPEN and (method in ("GET", "HEAD") or path == "/login")
                refused = status in (401, 429)
                if target.gives_away(answer) or not (status < 500 if is_open else refused or (path in OPEN and status == 405)):
                    wrong.append((who, method, path, status))
    assert wrong == []
    assert {path for path in paths if target.ask("GET", path)[0] == 200} == OPEN


def test_without_a_login_no_socket_opens(target: Target) -> None:
    for who, headers in strangers(target).items():
        with pytest.raises(InvalidStatus) as refused:
            target.monitor.socket(additional_headers=headers)
        assert refused.value.response.status_code in (401, 429), who


def test_without_a_login_no_way_of_writing_a_path_leads_past_the_login_page(target: Target, routes: list[str]) -> None:
    paths = filled(routes)
    closed = [path for path in paths if path not in OPEN]
    tried = [f"{path}{end}" for path in paths for end in ENDS]
    fronts = ["/", "/.", "//127.0.0.1", f"http://127.0.0.1:{target.monitor.port}"]
    fronts += [f"{way}{slant}" for way in ("/static/", "/login/", "/static/login.css/") for slant in SLANTS]
    tried += [f"{front}{path}" for front in fronts for path in closed]
    tried += [variant for path in closed for variant in (path.upper(), path.replace("/", "%2f"))]
    ends = tuple(target.ask("GET", path)[1][-200:] for path in OPEN)
    wrong = []
    for path in tried:
        status, answer = target.ask("GET", path)
        shown = status == 200 and not answer.endswith(ends)
        if shown or status >= 500 or target.gives_away(answer):
            wrong.append((path, status))
    assert wrong == []
    assert len(tried) > 1000


def test_with_a_login_no_parameter_leads_out_of_its_route(target: Target, routes: list[str]) -> None:
    """To files beside the page's, such as the users', or to another camera's."""
    files = [str(target.users), "/etc/passwd", "app.py", "../http/app.py"]
    values = [f"{slant * 12}{file.lstrip('/')}" for slant in SLANTS for file in files]
    values += [
        f"{CAMERA}%00.jpg",
        f"{CAMERA}%0d%0aSet-Cookie:x=1",
        "%00",
        "%ff%fe",
        "a" * 3000,
        "..",
        ".",
        "%2e%2e",
        "'",
        "*",
        "{}",
        "-1",
    ]
    cookie = target.good
    asked = [f"/static/{value}" for value in values]
    asked += [route.format(name=value, event_id=value) for route in routes if "{" in route for value in values]
    wrong = []
    for path in asked:
        status, answer = target.ask("GET", path, cookie)
        given = [secret for secret in target.gives_away(answer) if secret != CAMERA.encode()]  # an answer lists the cameras
        if given or b"import annotations" in answer or b"x=1" in answer.partition(b"\n\n")[0] or not 400 <= status < 500:
            wrong.append((path, status))
    assert wrong == []


def test_pages_of_other_sites_change_nothing_and_open_no_socket(target: Target, routes: list[str]) -> None:
    port = target.monitor.port
    origins = [
        "http://evil.example",
        f"http://127.0.0.1:{port + 1}",
        "http://127.0.0.1",
        f"http://127.0.0.1:{port}.evil.example",
        f"http://127.0.0.1:{port}@evil.example",
        f"http://evil.example#127.0.0.1:{port}",
        f"ftp://127.0.0.1:{port}",
        f"http://127.0.0.1:{port}, http://evil.example",
        "null",
        "",
        "file://",
        f"//127.0.0.1:{port}",
    ]
    cookie = target.good
    answers = {
        (origin, method, path): target.ask(method, path, {**cookie, "Origin": origin})[0]
        for origin in origins
        for method in ("POST", "PUT", "PATCH", "DELETE")
        for path in filled(routes)
    }
    assert {where for where, status in answers.items() if status != 403} == set()
    for origin in origins:
        with pytest.raises(InvalidStatus) as refused:
            target.monitor.socket(additional_headers={**cookie, "Origin": origin})
        assert refused.value.response.status_code == 403, origin
    assert target.ask("GET", "/cameras", cookie)[0] == 200


def test_other_host_names_are_served_nothing(target: Target, routes: list[str]) -> None:
    """As of a site whose name leads here (DNS rebinding)."""
    hosts = ["evil.example", "127.0.0.1.evil.example", "evil.example:8080", "127.0.0.1@evil.example", "", "evil.example#127.0.0.1"]
    cookie = target.good
    paths = filled(routes)

    assert {target.ask("GET", path, {**cookie, "Host": host})[0] for path in paths for host in hosts} <= {400, 421}
