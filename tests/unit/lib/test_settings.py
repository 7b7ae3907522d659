from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from seccam.errors import SettingsError
from seccam.settings import BrokerSettings, Group, LogSettings, OpsSettings, describe, load, names, showable


class DoorSettings(OpsSettings):
    """A group of the tests' own."""

    PREFIX = "SECCAM_MONITOR_"

    rate: float = Field(2.0, gt=0, description="Rate, hertz.")
    key: SecretStr = Field(SecretStr(""), min_length=8, description="Key.")
    loud: bool = Field(default=False, description="Whether.")


GROUPS: tuple[type[Group], ...] = (LogSettings, BrokerSettings, DoorSettings)


def faults(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        load(*GROUPS, environ=environ)
    return raised.value.lines


def test_without_a_variable_everything_has_its_default() -> None:
    log, broker, door = load(*GROUPS, environ={})

    assert (log.level, broker.vhost, door.ops_host, door.ops_port, door.rate) == ("info", "/", "127.0.0.1", 9090, 2.0)


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert load(DoorSettings, environ={"SECCAM_MONITOR_RATE": ""})[0].rate == 2.0


@pytest.mark.parametrize("space", [" ", "\n", "\r\n \t"])
def test_white_space_around_a_value_is_none_of_it_and_alone_is_as_good_as_nothing(space: str) -> None:
    """A file that a Secret was made of ends in a newline."""
    given = {"SECCAM_BROKER_PASSWORD": f"{space}pass word{space}", "SECCAM_MONITOR_RATE": space}
    broker, door = load(BrokerSettings, DoorSettings, environ=given)

    assert (broker.password.get_secret_value(), door.rate) == ("pass word", 2.0)


def test_all_faults_are_told_at_once_each_with_its_variable() -> None:
    told = faults(
        SECCAM_LOG_LEVEL="loud",
        SECCAM_BROKER_URL="http://x",
        SECCAM_MONITOR_RATE="-1",
        SECCAM_MONITOR_OPS_PORT="65536",
        SECCAM_MONITOR_LOUD="perhaps",
        SECCAM_MONITOR_RAET="1",
        SECCAM_NOBODY="1",
    )

    assert {fault.partition(":")[0] for fault in told} == {
        "SECCAM_LOG_LEVEL",
        "SECCAM_BROKER_URL",
        "SECCAM_MONITOR_RATE",
        "SECCAM_MONITOR_OPS_PORT",
        "SECCAM_MONITOR_LOUD",
        "SECCAM_MONITOR_RAET",
        "SECCAM_NOBODY",
    }
    assert "SECCAM_MONITOR_RAET: unknown setting; did you mean SECCAM_MONITOR_RATE?" in told


def test_the_names_of_other_parts_are_left_to_them() -> None:
    load(*GROUPS, environ={"SECCAM_CAMERA_ANYTHING": "1", "SECCAM_CAMERAS": "x", "SECCAM_REVISION": "abc", "PATH": "/bin"})


@pytest.mark.parametrize(
    "url",
    [
        "amqp://user:geheim#1@host/",
        "amqp://user:geheim/1@host/",
        "amqp://user:geheim@host:port/",
        "amqp://user:geheim@host:99999/",
        "amqp://user:geheim@host:0/",
        "amqp://user:geheim@[::1/",
        "amqp://user:geheim@ho\u2100st/",
        "amqp://user:geheim@/",
        "amqp://user:geheim@host/a#b",
        "amqp://user:geheim@host/a?b",
        "http://user:geheim@host/",
        "geheim",
    ],
)
def test_a_broken_url_is_refused_without_a_word_of_its_password(url: str) -> None:
    (fault,) = faults(SECCAM_BROKER_URL=url)

    assert fault.startswith("SECCAM_BROKER_URL: must be amqp://")
    assert "geheim" not in fault


def test_a_secret_that_is_refused_is_not_echoed() -> None:
    (fault,) = faults(SECCAM_MONITOR_KEY="geheim")

    assert "geheim" not in fault


def test_a_loaded_secret_is_not_shown() -> None:
    broker, door = load(
        BrokerSettings, DoorSettings, environ={"SECCAM_BROKER_URL": "amqp://u:geheim@h/", "SECCAM_MONITOR_KEY": "sehr-geheim"}
    )

    assert "geheim" not in repr(broker) + str(broker) + repr(door)


@pytest.mark.parametrize(
    ("url", "vhost"),
    [("amqp://h", "/"), ("amqp://h/", "/"), ("amqp://h/%2F", "/"), ("amqp://h/cams", "cams"), ("amqps://u@h/a%2F%23%3F", "a/#?")],
)
def test_the_path_of_the_url_is_the_vhost(url: str, vhost: str) -> None:
    assert BrokerSettings(url=SecretStr(url)).vhost == vhost


def test_a_secret_is_read_from_the_file_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" s3same\n")

    (loaded,) = load(BrokerSettings, environ={"SECCAM_BROKER_PASSWORD_FILE": str(tmp_path / "password")})

    assert loaded.password.get_secret_value() == "s3same"


def test_a_secret_in_a_file_that_cant_be_read_or_beside_its_variable_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "url").write_bytes(b"\xff")
    environ = {
        "SECCAM_BROKER_PASSWORD": "s3same",
        "SECCAM_BROKER_PASSWORD_FILE": str(tmp_path / "password"),
        "SECCAM_BROKER_URL_FILE": str(tmp_path / "url"),
        "SECCAM_BROKER_USERNAME_FILE": "/x",
    }

    with pytest.raises(SettingsError) as refused:
        load(BrokerSettings, environ=environ)

    assert sorted(refused.value.lines) == [
        "SECCAM_BROKER_PASSWORD_FILE: SECCAM_BROKER_PASSWORD is set, too; set only one of them",
        f"SECCAM_BROKER_URL_FILE: {tmp_path}/url: can't be read: not UTF-8",
        "SECCAM_BROKER_USERNAME_FILE: unknown setting; did you mean SECCAM_BROKER_USERNAME?",
    ]


def test_a_certificate_file_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    (fault,) = faults(SECCAM_BROKER_CA_FILE=str(tmp_path / "none.pem"))

    assert fault == f"SECCAM_BROKER_CA_FILE: {tmp_path}/none.pem: can't be read: No such file or directory"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("RATE", "fast", "fast: must be a number"),
        ("RATE", "-1", "-1: must be more than 0"),
        ("OPS_PORT", "1.5", "1.5: must be a whole number"),
        ("OPS_PORT", "65536", "65536: must be at most 65535"),
        ("LOUD", "perhaps", "perhaps: must be true or false"),
        ("KEY", "short", "must have at least 8 characters"),
        ("RATE", "1\n2", "1\\n2: must be a number"),
    ],
)
def test_a_fault_is_one_line_in_plain_words_with_the_value_unless_secret(name: str, value: str, told: str) -> None:
    assert faults(**{f"SECCAM_MONITOR_{name}": value}) == (f"SECCAM_MONITOR_{name}: {told}",)


def test_what_is_missing_must_be_set() -> None:
    class Named(Group):
        PREFIX = "SECCAM_CAMERA_"
        name: str = Field(description="Name.")

    with pytest.raises(SettingsError) as raised:
        load(Named, environ={})
    assert raised.value.lines == ("SECCAM_CAMERA_NAME: must be set",)


@pytest.mark.parametrize("name", ["SECCAM_FOO", "SECCAM_MONITOR_RXYZ", "SECCAM_MONITOR_FOO", "SECCAM_X"])
def test_for_a_name_like_no_other_nothing_is_proposed(name: str) -> None:
    assert faults(**{name: "1"}) == (f"{name}: unknown setting",)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SECCAM_CAMERA", "SECCAM_CAMERAS"),
        ("SECCAM_MONITR_RATE", "SECCAM_MONITOR_RATE"),
        ("SECCAM_MONITOR_RAT", "SECCAM_MONITOR_RATE"),
        ("SECCAM_LOG_LEVLE", "SECCAM_LOG_LEVEL"),
        ("SECCAM_BROKER_PASWORD", "SECCAM_BROKER_PASSWORD"),
    ],
)
def test_for_a_name_that_is_only_miswritten_the_known_one_is_proposed(name: str, meant: str) -> None:
    assert faults(**{name: "1"}) == (f"{name}: unknown setting; did you mean {meant}?",)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Mo-Xx 25:00", "Mo-Xx 25:00"),
        ("ftp://x", "ftp://x"),
        ("http://h:81/", "http://h:81/"),
        ("http://me:geheim@h:81/geheim?a=geheim", "http://h:81/…"),
        ("http://h?geheim", "http://h?…"),
        ("rtsp://me:ge/heim@h/", "rtsp://…"),
        ("rtsp://h/?password=ge@heim", "rtsp://…"),
        ("rtsp://me:geheim", "rtsp://…"),
        ("ge heim://h", "…"),
        ("me:geheim@h", "…@h"),
        ("a\nb", "a\\nb"),
        ("a" * 200, "a" * 99 + "…"),
    ],
)
def test_of_a_value_only_what_holds_no_login_is_shown(value: str, shown: str) -> None:
    assert showable(value) == shown


def test_help_tells_every_setting_with_its_default_and_meaning() -> None:
    text = describe(*GROUPS)

    for group in GROUPS:
        for name in names(group):
            assert name in text
    assert "SECCAM_MONITOR_LOUD  (false)" in text
    assert "SECCAM_BROKER_PASSWORD  (empty)" in text
