"""The broker's certificate is checked: against the system's authorities, or those of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from seccam.broker import connect
from seccam.errors import BrokerError
from seccam.settings import BrokerSettings
from tests import certificates
from tests.broker_clients import Received, clients_of, frame, newest
from tests.brokers import CAMERA, RunningBroker, free_port
from tests.waiting import eventually


class Secured:
    """The broker's TLS listener, and the folder of its certificates."""

    def __init__(self, broker: RunningBroker, folder: Path) -> None:
        self._broker, self.folder, self.port = broker, folder, free_port()
        files = ", ".join(
            f'{{{kind}, "{folder / name}"}}' for kind, name in (("certfile", "broker.pem"), ("keyfile", "broker.key"))
        )
        listener = f'rabbit_networking:start_ssl_listener({{"127.0.0.1", {self.port}, inet}}, [{files}], 2)'
        broker.node.ctl("eval", f"{{ok, _}} = application:ensure_all_started(ssl), {listener}.")

    def settings(self, *, authority: str = "", host: str = "127.0.0.1") -> BrokerSettings:
        """Those of a camera that trusts this authority."""
        password = self._broker.node.passwords()[CAMERA]
        ca_file = str(self.folder / authority) if authority else ""
        return BrokerSettings(url=f"amqps://{CAMERA}:{password}@{host}:{self.port}/", ca_file=ca_file)


@pytest.fixture(scope="module")
def secured(running_broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> Secured:
    folder = tmp_path_factory.mktemp("tls")
    certificates.make(folder, "IP:127.0.0.1")
    running_broker.ensure_running()
    return Secured(running_broker, folder)


def test_frames_go_through_tls_with_the_authority_of_a_file(broker: RunningBroker, secured: Secured) -> None:
    received = Received()
    with clients_of(broker) as clients:
        consumer = clients.consumer("monitor", newest("front", received))
        publisher = clients.publisher(CAMERA, settings=secured.settings(authority="ca.pem"))
        eventually(lambda: consumer.connected and publisher.connected)

        publisher.publish_latest("view", frame("front", bytes(200_000)))

        eventually(lambda: received.bodies == [bytes(200_000)])


@pytest.mark.parametrize(
    ("authority", "host"),
    [("", "127.0.0.1"), ("other.pem", "127.0.0.1"), ("ca.pem", "localhost"), ("broker.key", "127.0.0.1")],
    ids=["not the system's", "not another's", "not for another name", "not by a file that holds none"],
)
def test_a_certificate_that_is_not_to_be_trusted_is_refused(secured: Secured, authority: str, host: str) -> None:
    with pytest.raises(BrokerError) as refused:
        connect(secured.settings(authority=authority, host=host), "test")

    assert refused.value.cause == "tls"
