"""Several channels at once, on the real broker: each event is told on each of them, whatever becomes of the others."""

from __future__ import annotations

import base64
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from seccam import message, topology
from seccam.broker.admin import BrokerAdmin
from seccam.command import parked
from seccam.settings import BrokerSettings
from tests.brokers import RunningBroker, free_port
from tests.integration.events import event, publish, set_delays
from tests.notifiers import NotifierProcess
from tests.servers import ntfy, telegram
from tests.servers.ntfy import Ntfy
from tests.servers.stand_in import Hold
from tests.servers.telegram import Telegram
from tests.waiting import eventually

PATIENCE = 30.0
TOKEN, TOPIC = "4711:c4nary-TOKEN", "c4nary-topic"
PICTURE = bytes(simplejpeg.encode_jpeg(np.full((36, 64, 3), 90, np.uint8)))

Start = Callable[..., NotifierProcess]


@pytest.fixture(scope="module", autouse=True)
def _short_delays(running_broker: RunningBroker) -> Iterator[None]:
    """Delay queues that take a fraction of a second."""
    set_delays(running_broker, {"10s": 200, "1m": 400, "10m": 600})
    yield
    set_delays(running_broker, {name.rpartition(".")[2]: delay for name, delay in topology.RETRY_QUEUES.items()})


@pytest.fixture
def bot_api() -> Iterator[Telegram]:
    with Telegram() as server:
        yield server


@pytest.fixture
def ntfy_server() -> Iterator[Ntfy]:
    with Ntfy() as server:
        yield server


@pytest.fixture
def start(broker: RunningBroker, bot_api: Telegram, ntfy_server: Ntfy, tmp_path: Path) -> Iterator[Start]:
    """Starts notifiers with two channels; neither token nor topic is in a log."""
    log = tmp_path / "notifier.log"
    with ExitStack() as running:

        def begin(**settings: str) -> NotifierProcess:
            channels = {
                "IFTTT_KEY": "",
                "SECCAM_TELEGRAM_TOKEN": TOKEN,
                "SECCAM_TELEGRAM_CHATS": "42",
                "SECCAM_TELEGRAM_URL": bot_api.url,
                "SECCAM_NTFY_TOPIC": TOPIC,
                "SECCAM_NTFY_URL": ntfy_server.url,
            }
            process = NotifierProcess(broker, "http://127.0.0.1:1", log, **(channels | settings))
            running.callback(process.end)
            eventually(process.ready, within=PATIENCE, what="notifier ready")
            return process

        yield begin
    assert "c4nary" not in log.read_text()


def seen(seq: int, *, camera: str = "front") -> message.FaceEvent:
    """An event with a picture."""
    plain = event(seq, camera=camera)
    return plain.model_copy(update={"data": plain.data.model_copy(update={"snapshot": base64.b64encode(PICTURE).decode()})})


def cameras_in(bot_api: Telegram, ntfy_server: Ntfy) -> tuple[Counter[str], Counter[str]]:
    """How often each camera was told, on both channels."""
    on_telegram = Counter(call.text.split(" at ")[1].split(",")[0] for call in bot_api.calls)
    return on_telegram, Counter(call.query["title"] for call in ntfy_server.calls)


def test_an_event_arrives_on_every_channel_with_its_picture(
    broker: RunningBroker, start: Start, bot_api: Telegram, ntfy_server: Ntfy
) -> None:
    start(SECCAM_PUBLIC_URL="https://cameras.example")

    publish(broker, seen(1))

    eventually(lambda: bot_api.calls and ntfy_server.calls, within=PATIENCE)
    assert (bot_api.calls[0].photo, ntfy_server.calls[0].body) == (PICTURE, PICTURE)
    assert bot_api.calls[0].text.startswith("1 face at front, ")
    assert ntfy_server.calls[0].query["click"] == "https://cameras.example/#event/front-b00t-1"


def test_while_one_channel_is_down_the_other_is_told_at_once_and_once(
    broker: RunningBroker, start: Start, bot_api: Telegram, ntfy_server: Ntfy
) -> None:
    port = free_port()
    notifier = start(SECCAM_NTFY_URL=f"http://127.0.0.1:{port}")
    cameras = [f"cam{number}" for number in range(8)]

    publish(broker, *(seen(1, camera=camera) for camera in cameras))

    eventually(lambda: len(bot_api.calls) == 8, within=PATIENCE)
    eventually(lambda: len(notifier.lines("event_requeued")) >= 16, within=PATIENCE)
    with Ntfy(port) as back:
        eventually(lambda: len(back.calls) == 8, within=PATIENCE)
        eventually(lambda: len(notifier.lines("event_notified")) == 16, within=PATIENCE)
        told = cameras_in(bot_api, back)
    assert told == (Counter(cameras), Counter(cameras))
    assert {line["channel"] for line in notifier.lines("event_requeued")} == {"ntfy"}


def test_a_channel_that_hangs_delays_the_other_by_a_call_at_most(
    broker: RunningBroker, start: Start, bot_api: Telegram, ntfy_server: Ntfy
) -> None:
    hold = Hold(ntfy.ok)
    ntfy_server.script.append(hold)
    notifier = start()
    cameras = [f"cam{number}" for number in range(8)]

    publish(broker, *(seen(1, camera=camera) for camera in cameras))

    eventually(lambda: len(bot_api.calls) == 8, within=PATIENCE)
    assert len(ntfy_server.calls) == 1
    hold.release()
    eventually(lambda: len(notifier.lines("event_notified")) == 16, within=PATIENCE)
    assert cameras_in(bot_api, ntfy_server) == (Counter(cameras), Counter(cameras))


def test_a_refused_event_is_parked_and_replayed_for_its_channel_alone(
    broker: RunningBroker, start: Start, bot_api: Telegram, ntfy_server: Ntfy
) -> None:
    bot_api.script.append(telegram.BLOCKED)
    notifier = start()
    publish(broker, seen(1))
    eventually(lambda: notifier.lines("event_parked") and notifier.lines("event_notified"), within=PATIENCE)

    with BrokerAdmin(operator(broker), "test") as admin:
        (held,) = [parked.summary(one) for one in admin.take(topology.PARKED_QUEUE, 10)]
    assert (held["channels"], held["why"].split(":")[0]) == ("telegram:42", "refused")
    with BrokerAdmin(operator(broker), "test") as admin:
        assert parked.replay(admin, ()) == ["front-b00t-1"]

    eventually(lambda: len(notifier.lines("event_notified")) == 2, within=PATIENCE)
    assert (len(bot_api.calls), len(ntfy_server.calls)) == (2, 1)


def test_a_notifier_that_is_killed_between_two_channels_tells_only_the_second_again(
    broker: RunningBroker, start: Start, bot_api: Telegram, ntfy_server: Ntfy
) -> None:
    hold = Hold(ntfy.ok)
    ntfy_server.script.append(hold)
    first = start()
    publish(broker, seen(1))
    eventually(lambda: [line for line in first.lines("event_notified") if line["channel"] == "telegram:42"], within=PATIENCE)

    first.end(signal.SIGKILL)
    second = start()

    eventually(lambda: [line for line in second.lines("event_notified") if line["channel"] == "ntfy"], within=PATIENCE)
    assert (len(bot_api.calls), len(ntfy_server.calls)) == (1, 2)
    hold.release()


def operator(broker: RunningBroker) -> BrokerSettings:
    return BrokerSettings.model_validate({"url": broker.url(topology.OPERATOR_USER)})
