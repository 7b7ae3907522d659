"""The answer to a camera's challenges."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from seccam_camera.sources.http_auth import authorization

LOGIN = ("user", "pass:wörd")
_PARTS = st.sampled_from(["Digest ", "Basic ", 'nonce="n"', "algorithm=MD5-sess", 'qop="auth-int"', 'realm="a, \\" b"', ",", "="])


@given(st.lists(st.lists(_PARTS | st.text(st.characters(max_codepoint=255)), max_size=20).map("".join), max_size=5))
def test_any_challenges_are_answered_with_one_header_or_not_at_all(headers: list[str]) -> None:
    answer = authorization(headers, LOGIN, "/stream")

    assert answer is None or answer.encode("latin-1").startswith((b"Basic ", b"Digest "))


def test_as_many_challenges_as_fit_into_an_answer_are_no_work() -> None:
    header = 'Basic realm="a, b", Digest realm="c", nonce="n", algorithm=MD5-s' + 'essic realm="a, ' * 4000

    began = time.process_time()
    authorization([header] * 100, LOGIN, "/stream")

    assert time.process_time() - began < 0.5
