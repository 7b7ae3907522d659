"""The services of `make run`."""

from __future__ import annotations

from pathlib import Path

import pytest

from seccam_local import report
from seccam_local.cameras import Camera
from seccam_local.node import Node, Ports
from seccam_local.stack import ListenAddress, build_stack


def test_by_default_one_process_of_each_service_runs_with_a_private_broker() -> None:
    made = build_stack({}, webcam=False)

    assert [service.name for service in made.services] == ["camera-demo", "monitor", "security-1", "notifier"]
    assert made.private_broker
    assert made.page.client_address == "127.0.0.1:8080"
    assert not made.faults


def test_each_process_has_an_ops_port_of_its_own_from_9101_up() -> None:
    made = build_stack({"SECCAM_CAMERAS": "a=demo b=demo", "SECCAM_LOCAL_WORKERS": "3"}, webcam=False)

    assert [service.ops.port for service in made.services] == [9151, 9152, 9101, 9111, 9112, 9113, 9102]
    assert all(service.environment[service.ops.setting] == str(service.ops.port) for service in made.services)


def test_a_cameras_name_and_source_reach_its_process_alone() -> None:
    made = build_stack({"SECCAM_CAMERAS": "a=x b=y"}, webcam=True)

    assert made.cameras == [Camera("a", "x"), Camera("b", "y")]
    assert [service.environment.get("SECCAM_CAMERA_SOURCE") for service in made.services] == ["x", "y", None, None, None]


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        ({"SECCAM_CAMERAS": "yard=x alley=y"}, "yard,alley"),
        ({"SECCAM_CAMERAS": "yard=x alley=y", "SECCAM_MONITOR_CAMERAS": "alley"}, "alley"),
        ({"SECCAM_CAMERAS": "yard=x alley=y", "SECCAM_MONITOR_CAMERAS": ""}, "yard,alley"),
        ({"SECCAM_CAMERA_NAME": "Bad Name"}, ""),
    ],
)
def test_the_page_shows_the_cameras_in_their_order_by_default(environ: dict[str, str], shown: str) -> None:
    (monitor,) = [service for service in build_stack(environ, webcam=False).services if service.name == "monitor"]

    assert monitor.environment["SECCAM_MONITOR_CAMERAS"] == shown


@pytest.mark.parametrize(("given", "watched"), [({}, "yard,alley"), ({"SECCAM_MONITOR_WATCHED": "shed"}, "shed")])
def test_the_monitor_expects_the_cameras_that_are_started(given: dict[str, str], watched: str) -> None:
    environ = {"SECCAM_CAMERAS": "yard=x alley=y", **given}
    (monitor,) = [service for service in build_stack(environ, webcam=False).services if service.name == "monitor"]

    assert monitor.environment["SECCAM_MONITOR_WATCHED"] == watched


def test_visit_settings_reach_every_service_unchanged() -> None:
    environ = {"SECCAM_VISIT_GAP_SECONDS": "300", "SECCAM_VISIT_REMINDER_SECONDS": "3600"}
    stack = build_stack(environ, webcam=False)

    assert not stack.faults
    assert all(service.environment_from(environ).items() >= environ.items() for service in stack.services)


def test_each_process_gets_the_settings_of_its_own_service_and_what_is_no_setting() -> None:
    shared = {"PATH": "/bin", "TZ": "UTC", "SECCAM_BROKER_URL": "amqp://h/", "SECCAM_LOG_LEVEL": "debug"}
    several = {"SECCAM_CAMERAS": "a=rtsp://me:sesame@h/ b=rtsp://me:mellon@h/", "SECCAM_CAMERA_ZONE": "UTC"}
    other = {"IFTTT_KEY": "k", "SECCAM_MONITOR_HOST": "::1", "SECCAM_SECURITY_DETECTOR": "yunet", "SECCAM_LOCAL_WORKERS": "1"}
    environ = {**shared, **several, **other}

    seen = {service.name: service.environment_from(environ) for service in build_stack(environ, webcam=False).services}

    def holders(text: str) -> set[str]:
        return {name for name, variables in seen.items() if any(text in f"{k}={v}" for k, v in variables.items())}

    assert all(variables.items() >= shared.items() for variables in seen.values())
    assert holders("sesame") == {"camera-a"}
    assert holders("mellon") == {"camera-b"}
    assert holders("SECCAM_CAMERA_ZONE") == {"camera-a", "camera-b"}
    assert holders("IFTTT_KEY") == {"notifier"}
    assert holders("SECCAM_MONITOR_HOST") == {"monitor"}
    assert holders("SECCAM_SECURITY_DETECTOR") == {"security-1"}
    assert holders("SECCAM_LOCAL_") == set()


def test_whitespace_around_a_setting_is_stripped() -> None:
    given = {
        "SECCAM_MONITOR_PORT": "8081 ",
        "SECCAM_MONITOR_HOST": " 0.0.0.0",
        "SECCAM_MONITOR_CAMERAS": " ",
        "SECCAM_CAMERA_SOURCE": " /dev/video0 ",
        "SECCAM_CAMERA_NAME": " ",
        "SECCAM_BROKER_URL": " ",
    }
    made = build_stack(given, webcam=False)

    assert not made.faults
    assert (made.page.host, made.page.port) == ("0.0.0.0", 8081)
    assert made.cameras == [Camera("webcam", "/dev/video0")]
    assert made.services[1].environment["SECCAM_MONITOR_CAMERAS"] == "webcam"
    assert made.private_broker


def test_invalid_cameras_are_left_out_and_the_demo_replaces_the_last() -> None:
    assert build_stack({"SECCAM_CAMERAS": "X=y a=b"}, webcam=False).cameras == [Camera("a", "b")]
    assert build_stack({"SECCAM_CAMERAS": "X=y"}, webcam=False).cameras == [Camera("demo", "demo")]


def test_a_configured_ops_port_is_the_first_of_its_service() -> None:
    made = build_stack({"SECCAM_SECURITY_OPS_PORT": "7001", "SECCAM_LOCAL_WORKERS": "2"}, webcam=False)

    assert [service.ops.port for service in made.services if service.user == "security"] == [7001, 7002]


def test_each_service_has_its_own_broker_user() -> None:
    users = {service.name: service.user for service in build_stack({}, webcam=False).services}

    assert users == {"camera-demo": "camera-demo", "monitor": "monitor", "security-1": "security", "notifier": "notifier"}


def test_with_another_broker_there_is_no_private_one_and_none_of_its_ports() -> None:
    made = build_stack({"SECCAM_BROKER_URL": "amqp://elsewhere/"}, webcam=False)

    assert not made.private_broker
    assert not any("LOCAL" in address.setting for address in made.addresses)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"SECCAM_MONITOR_PORT": "http"}, "SECCAM_MONITOR_PORT: 'http' is not a port from 1 to 65535"),
        ({"SECCAM_MONITOR_PORT": "0"}, "SECCAM_MONITOR_PORT: '0' is not a port from 1 to 65535"),
        ({"SECCAM_CAMERA_OPS_PORT": "65535", "SECCAM_CAMERAS": "a=x b=y"}, "SECCAM_CAMERA_OPS_PORT: '65535' is not a port"),
        ({"SECCAM_MONITOR_PORT": "9102"}, "SECCAM_NOTIFIER_OPS_PORT: port 9102 is also the port of SECCAM_MONITOR_PORT"),
        ({"SECCAM_LOCAL_MQTT_PORT": "5673"}, "SECCAM_LOCAL_MQTT_PORT: port 5673 is also the port of SECCAM_LOCAL_BROKER_PORT"),
        ({"SECCAM_LOCAL_WORKERS": "-1"}, "SECCAM_LOCAL_WORKERS: "),
        ({"SECCAM_LOCAL_WORKER": "1"}, "SECCAM_LOCAL_WORKER: unknown setting"),
        ({"SECCAM_CAMERAS": "x"}, "SECCAM_CAMERAS: 'x' is not name=source"),
        ({"SECCAM_LOG_LEVEL": "loud"}, "SECCAM_LOG_LEVEL: "),
        ({"SECCAM_VISIT_GAP_SECONDS": "0"}, "SECCAM_VISIT_GAP_SECONDS: "),
        ({"SECCAM_VISIT_REMINDER_SECONDS": "-1"}, "SECCAM_VISIT_REMINDER_SECONDS: "),
        ({"SECCAM_VISIT_SECONDS": "60"}, "SECCAM_VISIT_SECONDS: unknown setting"),
    ],
)
def test_a_wrong_setting_is_reported_by_its_name(environ: dict[str, str], message: str) -> None:
    (fault,) = build_stack(environ, webcam=False).faults
    assert str(fault).startswith(message)


def test_faults_of_all_parts_are_reported_together() -> None:
    environ = {"SECCAM_CAMERAS": "X=y", "SECCAM_LOCAL_WORKERS": "many", "SECCAM_MONITOR_PORT": "high"}
    assert len(build_stack(environ, webcam=False).faults) == 3


@pytest.mark.parametrize(
    ("host", "reachable"),
    [("127.0.0.1", "127.0.0.1:80"), ("0.0.0.0", "127.0.0.1:80"), ("::", "127.0.0.1:80"), ("::1", "[::1]:80"), ("box", "box:80")],
)
def test_a_client_address_is_reachable_from_this_machine(host: str, reachable: str) -> None:
    assert ListenAddress("X", host, 80).client_address == reachable


def test_the_ready_line_contains_the_pages_address_and_no_secret() -> None:
    environ = {"SECCAM_MONITOR_PORT": "18080", "IFTTT_KEY": "sesame"}
    lines = list(report.ready_lines(build_stack(environ, webcam=False), environ, {}))

    assert lines[0] == "seccam is ready: http://127.0.0.1:18080"
    secured = build_stack({**environ, "SECCAM_MONITOR_CERTIFICATE_FILE": "page.pem"}, webcam=False)
    assert next(report.ready_lines(secured, environ, {})) == "seccam is ready: https://127.0.0.1:18080"
    assert "sesame" not in "".join(lines)


@pytest.mark.parametrize(
    ("missing", "row", "picture"),
    [
        ({}, "cameras  a, b, c", "a"),
        (
            {"camera-a": "frames: refused: nothing is listening there"},
            "cameras  b, c; a: away, refused: nothing is listening there",
            "b",
        ),
        ({"camera-b": "frames: none yet"}, "cameras  a, c; b: away, no picture yet", "a"),
        ({"camera-c": "broker: refused for 3 s"}, "cameras  a, b; c: broker: refused for 3 s", "a"),
        ({f"camera-{name}": "frames: x" for name in "abc"}, "cameras  a: away, x; b: away, x; c: away, x", "a"),
    ],
)
def test_a_camera_that_isnt_live_is_reported_with_the_reason(missing: dict[str, str], row: str, picture: str) -> None:
    made = build_stack({"SECCAM_CAMERAS": "a=x b=y c=z"}, webcam=False)

    assert f"  {row}" in list(report.ready_lines(made, {}, missing))
    assert report.example_camera(made, missing) == picture


def test_the_private_brokers_lines_contain_the_complete_mqtt_command_and_no_password(tmp_path: Path) -> None:
    node = Node(tmp_path, Ports(1, 1884, 3, 4, 5))
    lines = "\n".join(report.broker_lines(node, "front", tmp_path))

    assert f"XDG_CONFIG_HOME={tmp_path}/mqtt mosquitto_sub -N -t seccam/view/front -C 1 > frame.jpg" in lines
    assert not any(password in lines for password in node.passwords().values())


def test_missing_services_are_reported_with_the_page_once_that_is_ready() -> None:
    made = build_stack({}, webcam=False)

    assert report.waiting_line(made, {"monitor": "doesn't answer yet"}) == "not ready yet: monitor (doesn't answer yet)"
    assert report.waiting_line(made, {"camera-demo": "frames: none"}).endswith("; the page is ready: http://127.0.0.1:8080")
