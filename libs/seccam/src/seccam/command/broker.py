"""`seccam broker`: what the broker needs, as a definitions file or created over AMQP."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seccam import topology
from seccam.broker.admin import BrokerAdmin
from seccam.command.options import PROGRAM, Commands
from seccam.errors import BrokerError, SettingFault, SettingsError
from seccam.files import write_private
from seccam.settings import listed

_POLICIES_TOO = """\
The queues and bindings exist now. AMQP can't set policies (lengths, delays, expiry), users and permissions, and without the
policies the retry queues never return an event. If you haven't set them yet, use RabbitMQ's own tool:
  seccam broker definitions --cameras front,yard --passwords passwords.json > definitions.json
  rabbitmqctl import_definitions definitions.json"""


def add_to(commands: Commands) -> None:
    """Add `broker definitions` and `broker apply`."""
    broker = commands.add_parser("broker", help="queues, bindings, users and policies").add_subparsers(
        required=True, metavar="action"
    )
    made = broker.add_parser("definitions", help="print a RabbitMQ definitions file with everything that seccam needs")
    made.add_argument(
        "--passwords",
        required=True,
        metavar="PATH",
        help='JSON file: {"monitor": "its password", …}; - for standard input; or a folder with one file per user',
    )
    made.add_argument("--output", metavar="FILE", help="file to write, readable by its owner only (default: standard output)")
    made.add_argument("--vhost", default="/", help="vhost (default: /)")
    made.add_argument(
        "--cameras",
        type=listed,
        required=True,
        metavar="NAMES",
        help="names of all cameras, separated by commas: front,yard; each needs a password of user camera-NAME; '' for none",
    )
    devices = made.add_mutually_exclusive_group()
    devices.add_argument(
        "--mqtt-cameras",
        type=listed,
        default=[],
        metavar="NAMES",
        help="names under which the user for devices may publish frames over MQTT (default: none)",
    )
    devices.add_argument(
        "--discovery",
        dest="mqtt_cameras",
        action="store_const",
        const=None,
        help="let devices publish frames under any name that no camera has, so that new MQTT cameras need no configuration",
    )
    made.set_defaults(alone=print_definitions)
    applied = broker.add_parser("apply", help="create the queues and bindings (but no users and policies)")
    applied.set_defaults(run=_apply)


def definitions(passwords: Mapping[str, Any], vhost: str, cameras: Sequence[str], mqtt_cameras: Sequence[str] | None = None) -> str:
    """The broker's definitions file as JSON. Raises SettingsError if the names or the passwords are not usable."""
    users = topology.permissions(cameras)
    faults = [
        SettingFault(option, f"{name!r} is not a valid camera name")
        for option, given in (("--cameras", cameras), ("--mqtt-cameras", mqtt_cameras or ()))
        for name in given
        if not topology.is_camera(name)
    ]
    faults += [
        SettingFault("--mqtt-cameras", f"{name!r} is in --cameras, too; two cameras can't have one name")
        for name in mqtt_cameras or ()
        if name in cameras
    ]
    faults += [
        SettingFault(topology.camera_user(name), f"no password for the user of camera {name!r}")
        for name in cameras
        if topology.camera_user(name) not in passwords
    ]
    faults += [
        SettingFault(user, f"not a user of seccam; the users are {', '.join(users)}, and camera-NAME for each camera")
        for user in passwords.keys() - users
        if not topology.is_former_user(user)
    ]
    faults += [
        # services strip whitespace
        SettingFault(user, "the password must be a non-empty string without surrounding whitespace")
        for user, p in passwords.items()
        if not isinstance(p, str) or not p or p != p.strip()
    ]
    if faults:
        raise SettingsError(*sorted(faults, key=str))
    return json.dumps(topology.definitions(passwords, vhost=vhost, cameras=cameras, mqtt_cameras=mqtt_cameras), indent=2)


def apply(admin: BrokerAdmin) -> None:
    """Create every exchange, durable queue and binding that is missing, and remove the bindings of earlier versions."""
    for name, kind in topology.exchanges().items():
        admin.declare_exchange(name, kind)
    for name, arguments in topology.queues().items():
        try:
            admin.declare(name, arguments)
        except BrokerError as e:
            raise BrokerError(e.cause, f"queue {name}: {e}") from None
    for exchange, queue, key in topology.bindings():
        admin.bind(exchange, queue, key)
    for source, destination, key in topology.forwards():
        admin.forward(source, destination, key)
    for exchange, queue, key in topology.former_bindings():
        admin.unbind(exchange, queue, key)


def print_definitions(options: argparse.Namespace) -> int:
    """`seccam broker definitions`, which needs no broker."""
    try:
        passwords = _passwords(options.passwords)
    except (OSError, ValueError) as e:
        raise SettingsError(SettingFault(f"--passwords {options.passwords}", str(e))) from None
    if not isinstance(passwords, dict):
        raise SettingsError(SettingFault(f"--passwords {options.passwords}", "must be a JSON object of users and passwords"))
    made = definitions(passwords, options.vhost, options.cameras, options.mqtt_cameras)
    for user in sorted(passwords.keys() - topology.permissions(options.cameras)):
        print(f"{PROGRAM}: user {user} can't log in any more, as no camera or program uses it", file=sys.stderr)
    if options.output is None:
        print(made)
        return 0
    try:
        write_private(Path(options.output), made + "\n")
    except OSError as e:
        raise SettingsError(SettingFault(f"--output {options.output}", str(e.strerror))) from None
    return 0


def _passwords(source: str) -> Any:
    """Passwords from a file, standard input or a folder; a mounted Secret's folder has extra names that begin with a dot."""
    if source == "-":
        return json.loads(sys.stdin.read())
    path = Path(source)
    if path.is_dir():
        return {f.name: f.read_text().strip() for f in path.iterdir() if not f.name.startswith(".")}
    return json.loads(path.read_text())


def _apply(admin: BrokerAdmin, _: argparse.Namespace) -> int:
    apply(admin)
    print(_POLICIES_TOO)
    return 0
