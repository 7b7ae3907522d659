"""A private RabbitMQ node on loopback, with its own folder, ports and epmd. It does not touch a broker of the system."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seccam import topology
from seccam.errors import SettingFault, SettingsError
from seccam.files import write_private
from seccam_local.installation import Installation, newest

_PLUGINS = ("rabbitmq_mqtt", "rabbitmq_prometheus")
_COOKIE_BYTES = 32
#: Bytes of a socket's buffers. A message keeps the whole buffer in memory that it was received with. Linux lets a buffer grow to
#: megabytes, and frames that come after a stall would be seconds old.
_SOCKET_BUFFER = 256 * 1024
_PLAIN = re.compile(r"[\w/.,:=@%+~-]+", re.ASCII)


@dataclass(frozen=True)
class Ports:
    """The ports of the node, all on 127.0.0.1."""

    amqp: int
    mqtt: int
    prometheus: int
    distribution: int
    epmd: int


def installed() -> bool:
    """Whether RabbitMQ is installed."""
    return newest() is not None


def version() -> tuple[int, int]:
    """RabbitMQ's version, such as (3, 10)."""
    return _installation().version


def _installation() -> Installation:
    installation = newest()
    if installation is None:
        raise FileNotFoundError("RabbitMQ is not installed")
    return installation


class Node:
    """One node's files in `folder`, and the commands that run it."""

    def __init__(self, folder: Path, ports: Ports, *, cameras: Collection[str] = (), name: str = "seccam@localhost") -> None:
        self.folder, self.ports, self._cameras = folder, ports, cameras
        #: The output of the node's processes.
        self.log = folder / "log" / "broker.log"
        self.name = name  # the node's data belongs to it, so it must not depend on the ports

    @property
    def mqtt_options(self) -> Path:
        """The folder in which Mosquitto's clients find the address, user and password, as their `XDG_CONFIG_HOME`.

        In its folder `commander` is the login for commands.
        """
        return self.folder / "mqtt"

    @property
    def can_watch_disk(self) -> bool:
        """Whether the broker can monitor free disk space: it passes its folder to `df` in a shell, unquoted."""
        return _PLAIN.fullmatch(str(self.folder)) is not None

    def write(self) -> None:
        """Write the node's files; passwords, data and the previous run's log are kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        for folder in (self.folder / "data", self.folder / "log", self.mqtt_options, self.mqtt_options / topology.COMMANDER_USER):
            folder.mkdir(exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        passwords = self.passwords()
        definitions = topology.definitions(passwords, cameras=self._cameras, mqtt_cameras=None)
        self._private("definitions.json", json.dumps(definitions, indent=1))
        self._private("rabbitmq.conf", "\n".join(self._configuration()) + "\n")
        self._private("enabled_plugins", f"[{','.join(_PLUGINS)}].\n")
        self._write_cookie()
        clients = {"mosquitto_sub": topology.VIEWER_USER, "mosquitto_pub": topology.DEVICE_USER}
        for program, user in {**clients, f"{topology.COMMANDER_USER}/mosquitto_pub": topology.COMMANDER_USER}.items():
            options = f"-h 127.0.0.1\n-p {self.ports.mqtt}\n-u {user}\n-P {passwords[user]}\n"
            write_private(self.mqtt_options / program, options)

    def passwords(self) -> Mapping[str, str]:
        """The password of each user, generated once, and those of former users. Raises SettingsError if their file is broken."""
        kept = self.folder / "passwords.json"
        try:
            known: dict[str, str] = {**json.loads(kept.read_text())} if kept.exists() else {}
        except (ValueError, TypeError):
            fault = f"{kept} is broken: delete it, and the next start generates new passwords"
            raise SettingsError(SettingFault("SECCAM_LOCAL_FOLDER", fault)) from None
        made = {**known, **{user: known.get(user) or secrets.token_urlsafe(18) for user in topology.permissions(self._cameras)}}
        if made != known:
            self._private("passwords.json", json.dumps(made))
        return made

    def url(self, user: str) -> str:
        """The broker's URL for one user, including the password."""
        return f"amqp://{user}:{self.passwords()[user]}@127.0.0.1:{self.ports.amqp}/"

    def epmd_command(self) -> list[str]:
        """Runs a private epmd, Erlang's port mapper, in the foreground."""
        return ["epmd", "-port", str(self.ports.epmd), "-address", "127.0.0.1"]

    def server_command(self) -> list[str]:
        """Runs the broker in the foreground."""
        return [str(_installation().scripts / "rabbitmq-server")]

    def environment(self) -> dict[str, str]:
        """The environment of both commands."""
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.folder),  # where Erlang looks for its cookie
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.ports.epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_FLAGS": "-start_epmd false",  # else Erlang starts an epmd that outlives the broker
            "RUNNING_UNDER_SYSTEMD": "true",  # makes the script exec the broker instead of waiting for it
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "none.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_DIST_PORT": str(self.ports.distribution),
            # loopback only; no busy waiting, which by default trades processor time for latency; and messages that a process may
            # send ahead to another one: 400 by default, which are 40 MB of frames for each camera
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
                " -rabbit credit_flow_default_credit {16,8}"
            ),
            "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    def ctl(self, *arguments: str, timeout: float = 60) -> str:
        """The output of `rabbitmqctl` with these arguments."""
        done = subprocess.run(
            [str(_installation().scripts / "rabbitmqctl"), "--node", self.name, *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=True,
        )
        return done.stdout

    def _configuration(self) -> Iterable[str]:
        ports = self.ports
        yield f"listeners.tcp.1 = 127.0.0.1:{ports.amqp}"
        yield f"mqtt.listeners.tcp.1 = 127.0.0.1:{ports.mqtt}"
        yield "mqtt.allow_anonymous = false"
        yield "mqtt.retained_message_store = rabbit_mqtt_retained_msg_store_noop"  # a device could fill the disk for ever
        yield f"max_message_size = {topology.MAX_MESSAGE_BYTES}"
        for listener in ("tcp_listen_options", "mqtt.tcp_listen_options"):
            yield f"{listener}.sndbuf = {_SOCKET_BUFFER}"
            yield f"{listener}.recbuf = {_SOCKET_BUFFER}"
            # RabbitMQ's own values, which are lost where one is set
            yield f"{listener}.backlog = 128"
            yield f"{listener}.nodelay = true"
        yield "tcp_listen_options.exit_on_close = false"
        yield "tcp_listen_options.linger.on = true"
        yield "tcp_listen_options.linger.timeout = 0"
        yield "prometheus.tcp.ip = 127.0.0.1"
        yield f"prometheus.tcp.port = {ports.prometheus}"
        # imported only if changed: RabbitMQ 4.0 may otherwise fail to start while it recovers a stream (rabbitmq-server#14772)
        yield "definitions.import_backend = local_filesystem"
        yield f"definitions.local.path = {self.folder / 'definitions.json'}"
        yield "definitions.skip_if_unchanged = true"
        yield "disk_free_limit.absolute = 200MB"
        yield "vm_memory_high_watermark.absolute = 512MB"
        yield "log.console.level = warning"
        if version() >= (3, 12):
            yield "mqtt.mailbox_soft_limit = 20"
        if version() >= (4, 0):
            yield "anonymous_login_user = none"
            yield f"mqtt.max_packet_size_authenticated = {topology.MAX_MESSAGE_BYTES + topology.MQTT_HEADER_BYTES}"
        else:
            yield "mqtt.subscription_ttl = 60000"

    def _write_cookie(self) -> None:
        """The secret with which rabbitmqctl, and whoever else has it, runs anything on the node.

        Erlang would make one itself: 20 letters from a weak generator, which earlier versions left here.
        """
        cookie = self.folder / ".erlang.cookie"
        if not cookie.exists() or len(cookie.read_text().strip()) < 2 * _COOKIE_BYTES:
            write_private(cookie, secrets.token_hex(_COOKIE_BYTES))

    def _private(self, name: str, text: str) -> None:
        write_private(self.folder / name, text)
