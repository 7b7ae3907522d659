"""Whatever happens in whatever order, each event has its outcome on each channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from seccam.topology import PARKED_QUEUE
from seccam_notifier import nuclio
from seccam_notifier.channels import Answer
from seccam_notifier.retry import DELAYS
from tests.simulation.programs import at_once
from tests.unit.notifier.world import Phone, World, body, event

CHANNELS = ("telegram:1", "telegram:2", "ntfy")
ANSWERS = {
    "yes": Answer("2xx"),
    "broken": Answer("5xx"),
    "wait": Answer("429", 30.0),
    "no": Answer("401"),
    "lost": Answer("network"),
}

#: A face at a camera, how many, after how many seconds, and whether the broker delivers it twice.
faces = st.tuples(st.just("face"), st.sampled_from("ab"), st.integers(1, 3), st.sampled_from([0, 1, 30, 90]), st.booleans())
#: The answer to the next call of a channel.
answers = st.tuples(st.just("answer"), st.sampled_from(CHANNELS), st.sampled_from([*ANSWERS]))
#: A message of a delay queue comes back, or an operator replays a parked event, or the notifier restarts.
others = st.sampled_from([("retry",), ("replay",), ("restart",)])


@dataclass
class Story:
    """A notifier with three channels to which things happen."""

    world: World = field(default_factory=lambda: World(phones=[Phone(name=name) for name in CHANNELS], start=at_once))
    clock: float = -3600.0
    ids: list[str] = field(default_factory=list)
    returned: set[int] = field(default_factory=set)

    def happen(self, what: str, *of: Any) -> None:
        """One thing."""
        getattr(self, f"_{what}")(*of)

    def end(self) -> None:
        """Everything works again, and everything that waits comes back, until nothing does."""
        for phone in self.world.phones:
            phone.answers.clear()
        for _ in range(100):
            self.world.start()  # a breaker that is open would hold back for seconds
            if not self._retry():
                return
        raise AssertionError("something comes back for ever")

    def _face(self, camera: str, faces: int, later: float, twice: bool) -> None:
        self.clock += later
        id_ = f"{camera}-b-{len(self.ids)}"
        self.ids.append(id_)
        content = body(id_, camera=camera, faces=faces, seconds=self.clock)
        for _ in range(1 + twice):
            self.world.call(event(content))

    def _answer(self, channel: str, answer: str) -> None:
        next(phone for phone in self.world.phones if phone.name == channel).answers.append(ANSWERS[answer])

    def _retry(self) -> bool:
        return self._return({*DELAYS}, {})

    def _replay(self) -> bool:
        return self._return({PARKED_QUEUE}, {"x-seccam-replayed": True})

    def _return(self, queues: set[str], headers: dict[str, Any]) -> bool:
        waiting = [m for m in self.world.outbox.messages if m.key in queues and id(m) not in self.returned]
        if waiting:
            self.returned.add(id(waiting[0]))
            self.world.call(event(waiting[0].body, headers={**waiting[0].headers, **headers}))
        return bool(waiting)

    def _restart(self) -> None:
        self.world.start()


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, capture_logs():
        patch.setattr(nuclio, "init_context", lambda context: None)
        yield


@settings(deadline=None)
@given(st.lists(st.one_of(faces, answers, others), max_size=40))
def test_each_event_is_told_once_or_suppressed_or_parked_on_each_channel(happenings: list[tuple[Any, ...]]) -> None:
    story = Story()

    for one in happenings:
        story.happen(*one)
    story.end()

    entries = story.world.journal_entries()
    for channel, phone in zip(CHANNELS, story.world.phones, strict=True):
        ended = [(e.id, e.outcome) for e in entries if e.channel in (None, channel) and e.outcome != "requeued"]
        assert {id_ for id_, _ in ended} == set(story.ids)
        told = {id_ for id_, outcome in ended if outcome == "notified"}
        assert not told & {id_ for id_, outcome in ended if outcome == "suppressed"}
        assert set(Counter(phone.accepted).values()) <= {1}
        assert set(phone.accepted) == told
