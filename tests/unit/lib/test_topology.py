from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam import topology


@pytest.mark.parametrize("name", ["a", "1", "front", "front-door", "a-1", "a" * 32, "0--0"])
def test_names_of_cameras(name: str) -> None:
    assert topology.is_camera(name)
    assert topology.camera_of(topology.VIEW, topology.key(topology.VIEW, name)) == name


@pytest.mark.parametrize("name", ["", "-", "-a", "a-", "A", "a.b", "a/b", "a b", "ä", "a" * 33, "a\n", "*", "#", "+", "a_b"])
def test_what_is_no_name_of_a_camera(name: str) -> None:
    assert not topology.is_camera(name)
    assert topology.camera_of(topology.VIEW, f"seccam.view.{name}") is None


@given(st.text(max_size=40))
def test_a_name_that_is_taken_is_one_level_of_a_topic_and_may_be_part_of_an_address(name: str) -> None:
    if topology.is_camera(name):
        assert re.fullmatch(r"[a-z0-9-]{1,32}", name)
        assert topology.topic(topology.key(topology.VIEW, name)) == f"seccam/view/{name}"


def test_each_queue_falls_under_its_own_policy_and_no_other() -> None:
    patterns = {name: pattern for name, (pattern, _) in topology.policies().items()}

    for queue in topology.queues():
        assert [name for name, pattern in patterns.items() if re.search(pattern, queue)] == [queue]
    for queue in ("amq.gen-x", "seccam.security.2", "other", "xseccam.events"):
        assert not [name for name, pattern in patterns.items() if re.search(pattern, queue)]
    assert re.search(patterns["seccam.mqtt"], "mqtt-subscription-mosq-abcqos0")


def test_dead_lettering_that_must_not_lose_refuses_rather_than_drops() -> None:
    """With drop-head RabbitMQ silently makes at-least-once at-most-once (docs: quorum queues)."""
    for name, arguments in topology.queues().items():
        if "x-dead-letter-exchange" in arguments:
            definition = topology.policies()[name][1]
            assert (definition["dead-letter-strategy"], definition["overflow"]) == ("at-least-once", "reject-publish")
            assert arguments["x-queue-type"] == "quorum"


def test_what_an_upgrade_may_change_is_policy_and_not_argument() -> None:
    for arguments in topology.queues().values():
        assert arguments.keys() <= {
            "x-queue-type",
            "x-single-active-consumer",
            "x-dead-letter-exchange",
            "x-dead-letter-routing-key",
        }


@pytest.mark.parametrize(("cameras", "length"), [(1, 32), (32, 32), (33, 33), (100, 100)])
def test_the_work_queue_grows_with_the_cameras(cameras: int, length: int) -> None:
    assert topology.policies(cameras)[topology.SECURITY_QUEUE][1]["max-length"] == length


def test_the_hash_of_a_password_is_rabbitmqs() -> None:
    """The example of RabbitMQ's documentation (docs/passwords)."""
    assert topology.password_hash("test12", bytes.fromhex("908dc60a")) == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"


def test_the_same_passwords_make_the_same_definitions_and_no_hash_tells_that_two_users_share_one() -> None:
    """A broker skips definitions that are unchanged."""
    shared = {"monitor": "s", "viewer": "s"}

    made = topology.definitions(shared)

    assert made == topology.definitions(shared)
    assert len({user["password_hash"] for user in made["users"]}) == 2


def test_definitions_hold_no_password_and_only_the_users_that_have_one() -> None:
    made = topology.definitions({"monitor": "geheim-1", "viewer": "geheim-2"}, vhost="cams")

    assert "geheim" not in json.dumps(made)
    assert [user["name"] for user in made["users"]] == ["monitor", "viewer"]
    assert {p["user"] for p in made["permissions"]} == {p["user"] for p in made["topic_permissions"]} == {"monitor", "viewer"}
    assert all(not user["tags"] for user in made["users"])
    parts = [part for name in ("permissions", "topic_permissions", "policies", "queues", "bindings") for part in made[name]]
    assert {part["vhost"] for part in parts} == {"cams"}
    exchanges = {topology.EXCHANGE, *(exchange["name"] for exchange in made["exchanges"])}
    destinations = {"queue": {queue["name"] for queue in made["queues"]}, "exchange": exchanges}
    assert all(b["destination"] in destinations[b["destination_type"]] for b in made["bindings"])


def test_every_pattern_of_a_right_is_closed_at_both_ends() -> None:
    """An open one would give away every queue whose name merely contains it."""
    open_on_purpose = {r"^seccam\.", ".*"}
    for rights in topology.permissions(["front"]).values():
        for pattern in map(str, rights[:5]):
            assert (pattern.startswith("^") and pattern.endswith("$")) or pattern in open_on_purpose


def may_write(cameras: list[str], user: str, key: str, mqtt_cameras: list[str] | None = None) -> bool:
    return re.search(topology.permissions(cameras, mqtt_cameras)[user].write_topics, key) is not None


@pytest.mark.parametrize("flow", [topology.VIEW, topology.SECURITY, topology.STATUS])
def test_a_camera_publishes_under_its_own_name_alone(flow: str) -> None:
    cameras = ["front", "front-2"]

    assert may_write(cameras, "camera-front", f"{flow}.front")
    for other in ("front-2", "2-front", "fron", "front.x", "*"):
        assert not may_write(cameras, "camera-front", f"{flow}.{other}")


def test_a_device_publishes_under_the_names_of_mqtt_cameras_alone() -> None:
    for mqtt_cameras in ([], ["shed"], ["shed", "pond"]):
        for name in ("shed", "pond", "front", "shed-2", "she", "a-shed"):
            may = may_write(["front"], topology.DEVICE_USER, f"seccam.view.{name}", mqtt_cameras)
            assert may == (name in mqtt_cameras)
        assert not may_write(["front"], topology.DEVICE_USER, "seccam.status.shed", mqtt_cameras)
        written = topology.permissions(["front"], mqtt_cameras)[topology.DEVICE_USER].write_topics
        assert topology.mqtt_cameras_in(written) == sorted(mqtt_cameras)


def test_with_discovery_a_device_publishes_under_names_that_no_camera_has() -> None:
    assert topology.mqtt_cameras_in(topology.permissions(["front"], None)[topology.DEVICE_USER].write_topics) is None
    assert topology.mqtt_cameras_in(topology.permissions([], None)[topology.DEVICE_USER].write_topics) is None
    for name in ("shed", "front-2", "fron", "the-front"):
        assert may_write(["front", "yard"], topology.DEVICE_USER, f"seccam.view.{name}")
    for name in ("front", "yard"):
        assert not may_write(["front", "yard"], topology.DEVICE_USER, f"seccam.view.{name}")
    assert may_write([], topology.DEVICE_USER, "seccam.view.front")


def test_no_camera_shares_its_user_with_a_service() -> None:
    services = topology.permissions()

    assert not {topology.camera_user(name) for name in services} & services.keys()


def test_users_of_former_cameras_and_versions_have_neither_a_password_nor_rights() -> None:
    made = topology.definitions({"camera-front": "a", "camera-yard": "b", "camera": "c", "mqtt": "d"}, cameras=["front"])

    assert {user["name"]: bool(user["password_hash"]) for user in made["users"]} == {
        "camera-front": True,
        "camera-yard": False,
        "camera": False,
        "mqtt": False,
    }
    for table, columns in (("permissions", ("configure", "write", "read")), ("topic_permissions", ("write", "read"))):
        rights = [(row["user"], {row[column] for column in columns}) for row in made[table] if row["user"] != "camera-front"]
        assert {user for user, _ in rights} == {"camera-yard", "camera", "mqtt"}
        assert all(patterns == {"^$"} for _, patterns in rights)


def test_a_parked_event_is_deleted_after_thirty_days() -> None:
    milliseconds = topology.policies()[topology.PARKED_QUEUE][1]["message-ttl"]

    assert milliseconds == 30 * 24 * 3600 * 1000
    assert milliseconds < 2**32  # RabbitMQ's limit
