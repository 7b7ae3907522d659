"""Who may write and read which topics, from which the tests of AMQP and of MQTT derive what must be refused."""

from __future__ import annotations

from seccam import topology
from tests.brokers import CAMERAS

#: A name that no configured camera has, as a device's where discovery is on, as it is on the broker of the tests.
STRANGER = "shed"
CAMERAS_AND_STRANGER = (*CAMERAS, STRANGER)
USERS = (
    *map(topology.camera_user, CAMERAS),
    topology.MONITOR_USER,
    topology.SECURITY_USER,
    topology.NOTIFIER_USER,
    topology.DEVICE_USER,
    topology.VIEWER_USER,
    topology.COMMANDER_USER,
    topology.OPERATOR_USER,
)
FLOWS = (topology.VIEW, topology.SECURITY, topology.STATUS, topology.FACES, topology.PRESENCE, topology.EVENTS)
#: Flow -> who may read it beside the operator.
READERS = {
    topology.VIEW: {topology.MONITOR_USER, topology.VIEWER_USER},
    topology.SECURITY: {topology.VIEWER_USER},
    topology.STATUS: {topology.MONITOR_USER, topology.VIEWER_USER},
    topology.FACES: {topology.MONITOR_USER, topology.VIEWER_USER},
    topology.PRESENCE: {topology.MONITOR_USER, topology.VIEWER_USER},
    topology.EVENTS: {topology.VIEWER_USER},
}
#: Topic that is no camera's -> who may publish it beside the operator, and to which exchange.
TOPICS: dict[str, tuple[str, str]] = {
    topology.COMMAND: (topology.COMMANDER_USER, topology.EXCHANGE),
    topology.key(topology.COMMAND, "page"): (topology.MONITOR_USER, topology.COMMANDS_EXCHANGE),
    topology.key(topology.COMMAND, "api"): (topology.MONITOR_USER, topology.COMMANDS_EXCHANGE),
    topology.key(topology.COMMAND, "bot"): (topology.OPERATOR_USER, topology.COMMANDS_EXCHANGE),
    topology.MODE: (topology.NOTIFIER_USER, topology.EXCHANGE),
}


def writers(flow: str, camera: str) -> set[str]:
    """Who may publish what this camera sends, or what is found in it, beside the operator."""
    if flow in (topology.FACES, topology.PRESENCE, topology.EVENTS):
        return {topology.SECURITY_USER}
    if camera in CAMERAS:
        return {topology.camera_user(camera)}
    return set() if flow == topology.STATUS else {topology.DEVICE_USER}
