"""Who may call the monitor, and by which settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from seccam.errors import SettingsError
from seccam.settings import load
from seccam_monitor.http.request_guard import may_call, same_origin
from seccam_monitor.settings import MonitorSettings
from tests import certificates

NAMES = frozenset({"cam.example", "door.example:8443", "fd00::1"})


@pytest.mark.parametrize(
    ("host", "own", "expected"),
    [
        ("localhost", "127.0.0.1", True),
        ("localhost:8080", "127.0.0.1", True),
        ("127.0.0.2", "127.0.0.1", True),
        ("[::1]:8080", "::1", True),
        ("Cam.Example:443", "10.1.2.3", True),
        ("door.example", "10.1.2.3", True),
        ("[fd00::1]:8080", "10.1.2.3", True),
        ("door.example:8443", "10.1.2.3", True),
        ("10.1.2.3:8080", "10.1.2.3", True),
        ("10.1.2.4", "10.1.2.3", False),
        ("evil.example", "10.1.2.3", False),
        ("evil.example", "evil.example", False),  # only an address can't be made to point here
        ("cam.example.evil", "127.0.0.1", False),
        ("", "127.0.0.1", False),
        ("[::1", "127.0.0.1", False),
        ("user@localhost", "127.0.0.1", True),
    ],
)
def test_only_hosts_that_no_other_site_can_point_here_are_allowed(host: str, own: str, expected: bool) -> None:
    assert may_call(host, NAMES, own) is expected


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        (None, "localhost:8080", True),
        ("http://localhost:8080", "localhost:8080", True),
        ("https://cam.example", "cam.example", True),
        ("https://cam.example", "monitor.internal:8080", True),  # a proxy gave it another Host
        ("http://localhost:3000", "localhost:8080", False),
        ("http://cam.example:3000", "cam.example:8080", False),  # cookies know no port
        ("https://door.example:8443", "door.example", True),  # the proxy's port is not in Host
        ("https://door.example", "monitor.internal:8080", False),
        ("http://evil.example", "localhost:8080", False),
        ("null", "localhost:8080", False),
        ("file://", "", False),
        ("", "localhost:8080", False),
        ("http://[::1", "localhost:8080", False),
    ],
)
def test_only_our_own_page_opens_a_socket(origin: str | None, host: str, expected: bool) -> None:
    assert same_origin(origin, host, NAMES) is expected


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_loopback_needs_no_permission(host: str) -> None:
    (settings,) = load(MonitorSettings, environ={"SECCAM_MONITOR_HOST": host})
    assert settings.host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "monitor.example"])  # refused is what is tested
@pytest.mark.parametrize(
    ("more", "missing"),
    [
        ({}, ["SECCAM_MONITOR_ALLOW_OPEN=true", "SECCAM_MONITOR_ALLOW_PLAIN_HTTP=true"]),
        ({"ALLOW_OPEN": "true"}, ["SECCAM_MONITOR_ALLOW_PLAIN_HTTP=true"]),
        ({"ALLOW_PLAIN_HTTP": "true"}, ["SECCAM_MONITOR_ALLOW_OPEN=true"]),
        ({"ALLOW_OPEN": "true", "ALLOW_PLAIN_HTTP": "true"}, []),
        ({"ALLOW_OPEN": "true", "TRUSTED_PROXIES": "10.0.0.1"}, []),
    ],
    ids=["nothing", "no TLS", "no login", "told", "behind a proxy"],
)
def test_beyond_loopback_login_and_tls_are_needed_or_an_explicit_permission(
    host: str, more: dict[str, str], missing: list[str]
) -> None:
    environ = {"SECCAM_MONITOR_HOST": host, **{f"SECCAM_MONITOR_{name}": value for name, value in more.items()}}
    if not missing:
        (settings,) = load(MonitorSettings, environ=environ)
        assert settings.host == host
        return
    with pytest.raises(SettingsError) as refused:
        load(MonitorSettings, environ=environ)
    named = [way for way in ("SECCAM_MONITOR_ALLOW_OPEN=true", "SECCAM_MONITOR_ALLOW_PLAIN_HTTP=true") if way in str(refused.value)]
    assert named == missing


def test_an_empty_host_is_loopback() -> None:
    (settings,) = load(MonitorSettings, environ={"SECCAM_MONITOR_HOST": ""})
    assert settings.host == "127.0.0.1"


def test_a_certificate_that_can_not_be_used_is_refused_at_the_start(tmp_path: Path) -> None:
    certificates.make(tmp_path, "IP:127.0.0.1")

    def fault(**files: str) -> str:
        environ = {f"SECCAM_MONITOR_{name.upper()}": str(tmp_path / file) for name, file in files.items()}
        with pytest.raises(SettingsError) as refused:
            load(MonitorSettings, environ=environ)
        return str(refused.value)

    assert "doesn't belong" in fault(certificate_file="broker.pem", certificate_key_file="other.key")
    assert "can't be read: No such file" in fault(certificate_file="missing.pem", certificate_key_file="broker.key")
    assert "can't be used" in fault(certificate_file="broker.pem")
    assert "of no use without SECCAM_MONITOR_CERTIFICATE_FILE" in fault(certificate_key_file="broker.key")


def test_lists_are_split_and_deduplicated() -> None:
    (settings,) = load(
        MonitorSettings,
        environ={"SECCAM_MONITOR_CAMERAS": " front, yard,front ,", "SECCAM_MONITOR_ALLOWED_HOSTS": "Cam.Example, b.example"},
    )
    assert settings.camera_names == ("front", "yard")
    assert settings.host_names == {"cam.example", "b.example"}
