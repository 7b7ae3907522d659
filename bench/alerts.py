"""How soon a face is on the phone, and how many events a second the notifier tells on each channel."""

from __future__ import annotations

import base64
import re
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import report
from tests.brokers import RunningBroker, start_broker
from tests.integration.events import event, publish
from tests.integration.workers import Lens, WorkerProcess
from tests.notifiers import NotifierProcess
from tests.scenes import jpeg, scene
from tests.servers import ifttt, telegram
from tests.servers.ifttt import Ifttt
from tests.servers.stand_in import Answer, Exchange
from tests.servers.telegram import Telegram
from tests.waiting import eventually

#: Faces that are shown to each number of cameras.
ROUNDS = 25
#: Events of the second measurement, and the seconds that its stand-ins take to answer.
EVENTS, ANSWER_SECONDS = 60, 0.1
#: Milliseconds from capture to the channel's answer, for 95 of 100 faces.
_TARGET = 500.0
_VISIT = {"SECCAM_VISIT_GAP_SECONDS": "0.5"}


@dataclass(frozen=True)
class Alerts:
    """What was measured."""

    #: Cameras -> channel -> milliseconds from capture to the answer, sorted.
    latencies: dict[int, dict[str, list[float]]]
    #: Channels that are used -> events a second that each of them was told.
    rates: dict[str, float]


class Answered:
    """When each channel has answered a notification of each camera."""

    def __init__(self) -> None:
        self.times: defaultdict[tuple[str, str], list[float]] = defaultdict(list)

    def noting(self, channel: str, camera: Callable[[Any], str], then: Answer, seconds: float = 0.0) -> Answer:
        """Answer after some seconds, and note when."""

        def answer(exchange: Exchange) -> None:
            time.sleep(seconds)
            then(exchange)
            if exchange.call:
                self.times[channel, camera(exchange.call)].append(time.time())

        return answer

    def count(self, channel: str) -> int:
        """Notifications on a channel."""
        return sum(len(times) for (of, _), times in list(self.times.items()) if of == channel)


@dataclass(frozen=True)
class Phones:
    """Both stand-ins, and what they have answered."""

    answered: Answered
    ifttt: Ifttt
    telegram: Telegram

    def settings(self, *channels: str) -> dict[str, str]:
        """The notifier's settings for these channels; the key of IFTTT is NotifierProcess's."""
        return {
            "SECCAM_NOTIFIER_CHANNELS": ",".join(channels),
            "SECCAM_TELEGRAM_TOKEN": "1:bench",
            "SECCAM_TELEGRAM_CHATS": "1",
            "SECCAM_TELEGRAM_URL": self.telegram.url,
            **_VISIT,
        }


@contextmanager
def phones(seconds: float = 0.0) -> Iterator[Phones]:
    """Stand-ins that take so many seconds to answer."""
    answered = Answered()
    on_ifttt = answered.noting("ifttt", lambda call: str(call.values["value1"]), ifttt.ok, seconds)
    on_telegram = answered.noting("telegram", _camera, telegram.ok, seconds)
    with Ifttt(default=on_ifttt) as one, Telegram(default=on_telegram) as other:
        yield Phones(answered, one, other)


def _camera(call: telegram.Call) -> str:
    match = re.search(r" at ([^,]+),", call.text)
    return match[1] if match else ""


@contextmanager
def notifying(broker: RunningBroker, folder: Path, to: Phones, *channels: str) -> Iterator[NotifierProcess]:
    """A running notifier."""
    notifier = NotifierProcess(broker, to.ifttt.url, folder / "notifier.log", SECCAM_LOG_LEVEL="info", **to.settings(*channels))
    try:
        eventually(notifier.ready, within=60, what="notifier ready")
        yield notifier
    finally:
        notifier.end()


def measure() -> Alerts:
    """Both measurements, on one broker."""
    folder = Path(tempfile.mkdtemp(prefix="seccam-bench-"))
    broker = start_broker(folder / "broker")
    try:
        latencies = {cameras: _latencies(broker, folder, cameras) for cameras in (1, 8)}
        rates = {" and ".join(names): _rate(broker, folder, *names) for names in (["ifttt"], ["telegram"], ["ifttt", "telegram"])}
    finally:
        broker.stop()
    return Alerts(latencies, rates)


def _latencies(broker: RunningBroker, folder: Path, cameras: int) -> dict[str, list[float]]:
    """Show each camera a face at the same moment, ROUNDS times; a visit is over before the next."""
    broker.empty()
    faces = [jpeg(scene(("astronaut", 90, x, 200))) for x in (300, 600)]  # in turn: what doesn't move isn't looked at again
    with ExitStack() as stack:
        to = stack.enter_context(phones())
        stack.enter_context(notifying(broker, folder, to, "telegram", "ifttt"))
        worker = WorkerProcess(broker, folder, _VISIT)
        stack.callback(worker.stop)
        eventually(worker.ready, within=60, what="worker ready")
        lenses = [Lens(broker, f"cam{number}") for number in range(cameras)]
        for lens in lenses:
            stack.callback(lens.close)
        found: defaultdict[str, list[float]] = defaultdict(list)
        for number in range(ROUNDS + 1):
            taken = {lens.camera: _show(lens, faces[number % 2]) for lens in lenses}
            for channel in ("telegram", "ifttt"):
                for camera, at in taken.items():
                    answers = to.answered.times[channel, camera]
                    eventually(partial(_longer, answers, number), within=60, every=0.01, what="an answer")
                    if number:  # the first one warms up
                        found[channel].append(1000 * (answers[number] - at))
            time.sleep(1.0)  # the visit ends
    return {channel: sorted(times) for channel, times in found.items()}


def _longer(answers: list[float], number: int) -> bool:
    return len(answers) > number


def _show(lens: Lens, picture: bytes) -> float:
    taken = time.time()
    lens.publish(picture, ts_ms=round(taken * 1000))
    return taken


def _rate(broker: RunningBroker, folder: Path, *channels: str) -> float:
    """Events a second, from the first answer to the last, of the slowest channel."""
    broker.empty()
    with phones(ANSWER_SECONDS) as to, notifying(broker, folder, to, *channels):
        rng = np.random.default_rng(0)
        picture = jpeg(np.asarray(rng.integers(100, 140, (720, 1280, 3)), np.uint8), 40)[: 60 * 1024]
        events = [event(number, camera=f"cam{number}", taken=datetime.now(UTC)) for number in range(EVENTS)]
        began = time.time()
        threading.Thread(target=publish, args=(broker, *(_with_picture(one, picture) for one in events)), daemon=True).start()
        eventually(lambda: all(to.answered.count(one) == EVENTS for one in channels), within=120, what="all answers")
        ended = max(at for times in to.answered.times.values() for at in times)
    return EVENTS / (ended - began)


def _with_picture(plain: Any, picture: bytes) -> Any:
    return plain.model_copy(update={"data": plain.data.model_copy(update={"snapshot": base64.b64encode(picture).decode()})})


def section(alerts: Alerts) -> str:
    """The results as a section of docs/benchmarks.md."""
    lines = [
        "## Alerts",
        "",
        f"A face is shown to each camera {ROUNDS} times, to all at the same moment. The time is from capture until the channel's",
        "stand-in has answered: camera frame, broker, worker, broker, notifier, call. Both channels are used at once: Telegram",
        f"gets the picture of 1280 pixels, IFTTT three texts. Then the notifier gets {EVENTS} events with a picture of 60 kB at",
        f"once, and the stand-ins take {ANSWER_SECONDS * 1000:.0f} ms to answer: events one after another, channels side by side.",
        "",
        report.HEAD,
    ]
    for cameras, channels in alerts.latencies.items():
        for channel, times in channels.items():
            p50, p95 = times[len(times) // 2], times[int(0.95 * len(times))]
            what = f"{cameras} camera{'s' if cameras > 1 else ''}, {channel}: median, p95"
            lines.append(report.row(what, f"{p50:.0f} ms, {p95:.0f} ms", f"p95 ≤ {_TARGET:.0f} ms", p95 <= _TARGET))
    most = 1 / ANSWER_SECONDS
    lines += [report.row(f"{names}: events a second", f"{rate:.1f} of at most {most:.0f}") for names, rate in alerts.rates.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(section(measure()))
