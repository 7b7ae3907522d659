"""The broker's certificate is checked: against the system's authorities, or those of a file."""

from __future__ import annotations

import pytest

from seccam.broker import connect
from seccam.errors import BrokerError
from tests.broker_clients import Received, clients_of, frame, newest
from tests.brokers import CAMERA, RunningBroker
from tests.certificates import TlsListener
from tests.waiting import eventually


@pytest.fixture(scope="module")
def secured(running_broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> TlsListener:
    running_broker.ensure_running()
    return TlsListener(running_broker, tmp_path_factory.mktemp("tls"))


def test_frames_go_through_tls_with_the_authority_of_a_file(broker: RunningBroker, secured: TlsListener) -> None:
    received = Received()
    with clients_of(broker) as clients:
        consumer = clients.consumer("monitor", newest("front", received))
        publisher = clients.publisher(CAMERA, settings=secured.settings(CAMERA, authority="ca.pem"))
        eventually(lambda: consumer.connected and publisher.connected)

        publisher.publish_latest("view", frame("front", bytes(200_000)))

        eventually(lambda: received.bodies == [bytes(200_000)])


@pytest.mark.parametrize(
    ("authority", "host"),
    [("", "127.0.0.1"), ("other.pem", "127.0.0.1"), ("ca.pem", "localhost"), ("broker.key", "127.0.0.1")],
    ids=["not the system's", "not another's", "not for another name", "not by a file that holds none"],
)
def test_a_certificate_that_is_not_to_be_trusted_is_refused(secured: TlsListener, authority: str, host: str) -> None:
    with pytest.raises(BrokerError) as refused:
        connect(secured.settings(CAMERA, authority=authority, host=host), "test")

    assert refused.value.cause == "tls"
