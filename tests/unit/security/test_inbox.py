"""Which frame a worker gets next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from seccam.broker import Delivery
from seccam_security.inbox import Inbox


@dataclass(frozen=True)
class Waiting:
    """A delivery, as far as the inbox looks at it."""

    camera: str
    number: int
    body: bytes = b"12345"

    @property
    def key(self) -> str:
        return f"seccam.security.{self.camera}"


class Case:
    """An inbox, what was put out of it, and what is taken."""

    def __init__(self, most_bytes: int = 100) -> None:
        self.replaced: list[tuple[str, int]] = []
        self.inbox = Inbox(lambda delivery: self.replaced.append(_named(delivery)), most_bytes)

    def put(self, *frames: Waiting) -> None:
        for frame in frames:
            self.inbox.put(cast(Delivery, frame))

    def take(self) -> tuple[str, int] | None:
        taken = self.inbox.take(0)
        return _named(taken[0]) if taken else None

    def take_all(self) -> list[tuple[str, int]]:
        return list(iter(self.take, None))


def _named(delivery: Delivery) -> tuple[str, int]:
    frame = cast(Waiting, delivery)
    return frame.camera, frame.number


def test_a_frame_replaces_the_older_one_of_its_camera_and_takes_its_turn() -> None:
    case = Case()
    case.put(Waiting("front", 1), Waiting("yard", 1), Waiting("front", 2), Waiting("front", 3))

    assert case.replaced == [("front", 1), ("front", 2)]
    assert case.take_all() == [("front", 3), ("yard", 1)]


def test_a_camera_that_had_its_turn_is_behind_the_others() -> None:
    case = Case()
    case.put(Waiting("front", 1), Waiting("yard", 1))
    first = case.take()
    case.put(Waiting("front", 2))

    assert [first, *case.take_all()] == [("front", 1), ("yard", 1), ("front", 2)]
    assert case.replaced == []


def test_names_that_are_none_share_one_place() -> None:
    case = Case()
    case.put(Waiting("Front Door", 1), Waiting("yard", 1), Waiting("-", 2))

    assert case.take_all() == [("-", 2), ("yard", 1)]


def test_what_waits_is_bounded_in_bytes_and_the_oldest_goes() -> None:
    case = Case(most_bytes=12)
    case.put(Waiting("a", 1), Waiting("b", 1), Waiting("b", 2), Waiting("c", 1))

    assert case.replaced == [("b", 1), ("a", 1)]
    assert case.take_all() == [("b", 2), ("c", 1)]


def test_a_frame_that_is_larger_than_the_bound_is_taken_all_the_same() -> None:
    case = Case(most_bytes=3)
    case.put(Waiting("a", 1), Waiting("b", 1))

    assert (case.replaced, case.take_all()) == ([("a", 1)], [("b", 1)])


def test_a_frame_says_how_many_of_its_camera_it_replaced() -> None:
    case = Case()
    case.put(Waiting("front", 1), Waiting("yard", 1), Waiting("front", 2), Waiting("front", 3))

    taken = [case.inbox.take(0), case.inbox.take(0)]
    assert [(_named(one[0]), one[1]) for one in taken if one] == [(("front", 3), 2), (("yard", 1), 0)]
    case.put(Waiting("front", 4))
    last = case.inbox.take(0)
    assert last
    assert last[1] == 0
