"""Where a login may lead."""

from __future__ import annotations

from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seccam_monitor.auth import safe_redirect

SITE = "https://cam.example:8443"
#: What people bend addresses with.
_BENT = st.text(alphabet="/\\:?#@%.&=;a2f5c \t\r\n\0é", max_size=20)


@pytest.mark.parametrize(
    "wanted", ["/", "/#front", "/cameras/front/stream.mjpeg", "/events?x=1&y=%2F", "/cameras/%C3%A9", "/a:b@c", "/?u=http://x/"]
)
def test_a_path_of_this_origin_is_kept(wanted: str) -> None:
    assert safe_redirect.local_path(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        "",
        "front",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/a\\b",
        "http://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        " //evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        "/\r\nset-cookie: a=b",
        "//[evil",
        "/login?next=/login",
        "/logout",
        "/" + "x" * 5000,
    ],
)
def test_any_other_url_leads_to_the_page(wanted: str | None) -> None:
    assert safe_redirect.local_path(wanted) == "/"


@given(_BENT | st.text(max_size=30).map(lambda rest: f"/{rest}"))
@example("/%5cevil.example")
@example("/.//evil.example")
def test_every_redirect_stays_on_this_origin(wanted: str) -> None:
    led = safe_redirect.local_path(wanted)
    # as browsers read addresses: \ is /, tabs and line ends are left out
    target = urljoin(SITE + "/login", "".join(led.replace("\\", "/").split()))

    assert led.startswith("/")
    assert led[1:2] not in ("/", "\\")
    assert led.isascii()
    assert led.isprintable()
    assert f"{urlsplit(target).scheme}://{urlsplit(target).netloc}" == SITE
    assert safe_redirect.local_path(led) == led


@given(_BENT.map(lambda rest: f"/{rest}"))
def test_the_login_leads_back_to_the_path(wanted: str) -> None:
    address = urlsplit(safe_redirect.login_url(wanted))

    assert (address.path, address.fragment) == ("/login", "")
    assert parse_qs(address.query) == {"next": [safe_redirect.local_path(wanted)]}
