"""Cookies: whose they are, and when they end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam_monitor.auth.logouts import LogoutsFile
from seccam_monitor.auth.sessions import Sessions

KEY = b"k" * 32
HOUR = 3600.0
PEOPLE = {"ann": b"hash of ann", "bob": b"hash of bob"}


def sessions(key: bytes = KEY, people: dict[str, bytes] = PEOPLE) -> Sessions:
    return Sessions(key, HOUR, people.get)


def test_any_replica_with_the_same_key_accepts_the_session() -> None:
    cookie = sessions().begin("ann", PEOPLE["ann"], 1000.0)
    session = sessions().read(cookie, 1000.0)

    assert session is not None
    assert session.name == "ann"
    assert sessions(b"x" * 32).read(cookie, 1000.0) is None


def test_a_session_expires() -> None:
    cookie = sessions().begin("ann", PEOPLE["ann"], 1000.0)

    assert sessions().read(cookie, 1000.0 + HOUR - 1)
    assert sessions().read(cookie, 1000.0 + HOUR) is None


def test_a_session_ends_when_its_user_or_password_changes() -> None:
    people = dict(PEOPLE)
    judge = sessions(people=people)
    cookie = judge.begin("ann", people["ann"], 0.0)
    session = judge.read(cookie, 0.0)
    assert session is not None
    assert judge.is_valid(session, 0.0)

    people["ann"] = b"another hash"
    assert not judge.is_valid(session, 0.0)
    assert judge.read(cookie, 0.0) is None
    del people["ann"]
    assert not judge.is_valid(session, 0.0)
    people["ann"] = PEOPLE["ann"]
    assert judge.is_valid(session, 0.0)


def test_logging_out_ends_only_this_session() -> None:
    judge = sessions()
    first, second = (judge.begin("ann", PEOPLE["ann"], 0.0) for _ in range(2))
    session = judge.read(first, 0.0)
    assert session is not None
    judge.end(session, 0.0)

    assert judge.read(first, 0.0) is None
    assert judge.read(second, 0.0)


def test_a_logout_is_forgotten_once_the_session_has_expired() -> None:
    judge = sessions()
    for now in (0.0, 10.0, HOUR + 5):
        session = judge.read(judge.begin("ann", PEOPLE["ann"], now), now)
        assert session is not None
        judge.end(session, now)

    assert len(judge._ended) == 2


def log_out(judge: Sessions, now: float) -> str:
    """Log in and out; returns the cookie."""
    cookie = judge.begin("ann", PEOPLE["ann"], now)
    session = judge.read(cookie, now)
    assert session is not None
    judge.end(session, now)
    return cookie


def test_a_logout_is_known_wherever_its_file_is(tmp_path: Path) -> None:
    def replica() -> Sessions:
        return Sessions(KEY, HOUR, PEOPLE.get, LogoutsFile(str(tmp_path / "logouts")))

    first, second = replica(), replica()
    second.refresh(0.0)
    cookies = [log_out(first, 0.0), log_out(second, 0.0)]
    for judge in (first, second, replica()):
        judge.refresh(0.0)
        assert [judge.read(cookie, 0.0) for cookie in cookies] == [None, None]
    assert (tmp_path / "logouts").stat().st_mode & 0o777 == 0o600


def test_a_large_file_of_logouts_loses_those_that_have_expired(tmp_path: Path) -> None:
    path = tmp_path / "logouts"
    path.write_text("".join(f"expired{i} 10\n" for i in range(80_000)) + "kept 9000\n" + "no logout\n")
    logouts = LogoutsFile(str(path))
    logouts.append("new", 9000.0, 100.0)

    assert logouts.news() == [("kept", 9000.0), ("new", 9000.0)]
    assert logouts.news() == []


def test_a_logout_that_can_not_be_written_still_holds_in_this_process(tmp_path: Path) -> None:
    judge = Sessions(KEY, HOUR, PEOPLE.get, LogoutsFile(str(tmp_path / "missing" / "logouts")))
    judge.refresh(0.0)

    assert judge.read(log_out(judge, 0.0), 0.0) is None


def test_a_cookie_reveals_nothing_about_the_password() -> None:
    cookie = sessions().begin("ann", PEOPLE["ann"], 0.0)
    session = sessions().read(cookie, 0.0)

    assert session is not None
    assert b"hash".hex() not in session.seal
    assert sessions().read(cookie, 0.0) != sessions(b"x" * 32).read(sessions(b"x" * 32).begin("ann", PEOPLE["ann"], 0.0), 0.0)


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda raw: raw.decode("latin-1")))
def test_an_invented_cookie_is_no_session(cookie: str) -> None:
    assert sessions().read(cookie, 0.0) is None


@given(st.data())
def test_no_character_of_a_cookie_can_be_changed(data: st.DataObject) -> None:
    cookie = sessions().begin("ann", PEOPLE["ann"], 0.0)
    place = data.draw(st.integers(0, len(cookie) - 2))  # of the last one, two bits mean nothing
    alike = {"-": "-+", "_": "_/"}.get(cookie[place], cookie[place])  # both of base64's alphabets are read
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c not in alike))

    assert sessions().read(cookie[:place] + other + cookie[place + 1 :], 0.0) is None


@pytest.mark.parametrize("said", ["x", 7, None, ["a", "b"], {"name": "ann"}])
def test_other_signed_values_are_no_session(said: object) -> None:
    judge = sessions()
    assert judge.read(str(judge._serializer.dumps(said)), 0.0) is None
