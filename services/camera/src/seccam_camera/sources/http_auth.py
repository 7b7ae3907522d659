"""HTTP authentication for cameras: Basic (RFC 7617) and Digest (RFC 7616). Pure but for a random number.

The standard library supports neither SHA-256, which newer cameras require, nor several challenges at once.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

#: Digest's algorithms and their names in hashlib, the preferred one last.
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}
_SESSION = "-SESS"
#: Characters of a header, and headers, that are read; real ones have a few hundred. http.client would take 6 MB of them, more
#: than a second of processor time.
_LONGEST, _MOST = 4096, 8

_TOKEN = r"[\w!#$%&'*+.^`|~-]+"  # noqa: S105  # a token of the grammar, not a secret
#: What is between two commas: a scheme, a parameter, or both.
_ITEM = re.compile(rf"(?:({_TOKEN})(?:\s+|$))?(?:({_TOKEN})\s*=\s*(.*))?", re.DOTALL)


class Challenge(NamedTuple):
    """An authentication scheme that the camera offers, and its parameters; names are in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def authorization(headers: Iterable[str], login: tuple[str, str], target: str) -> str | None:
    """The Authorization header for a GET of `target`; None if none of the WWW-Authenticate `headers` is supported.

    The best supported challenge is answered. Without any challenge, Basic is used.
    """
    asked = [header[:_LONGEST] for header in headers if header.strip()][:_MOST]
    offers = [challenge for header in asked for challenge in challenges(header)]
    # headers are encoded as Latin-1, so this sends the UTF-8 bytes, which nearly all cameras expect
    user, password = (text.encode().decode("latin-1") for text in login)
    digests = [offer for offer in offers if offer.scheme == "digest" and _preference(offer) >= 0]
    if digests:
        return _digest(max(digests, key=_preference).parameters, user, password, target)
    if not asked or any(offer.scheme == "basic" for offer in offers):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode("latin-1")).decode()
    return None


def challenges(header: str) -> Iterator[Challenge]:
    """The challenges in one header; unreadable parts are skipped."""
    scheme, parameters = "", dict[str, str]()
    for item in urllib.request.parse_http_list(header):
        found = _ITEM.fullmatch(item.strip())
        if found is None:
            continue
        if found[1]:
            if scheme:
                yield Challenge(scheme, parameters)
            scheme, parameters = found[1].lower(), {}
        if found[2]:
            parameters[found[2].lower()] = found[3].strip().removeprefix('"').removesuffix('"')
    if scheme:
        yield Challenge(scheme, parameters)


def _preference(offer: Challenge) -> int:
    """The preference for this Digest challenge, higher is better; -1 if it is not supported."""
    name = offer.parameters.get("algorithm", "MD5").upper().removesuffix(_SESSION)
    known = name in _HASHES and bool(offer.parameters.get("nonce")) and _qop(offer.parameters) is not None
    return list(_HASHES).index(name) if known else -1


def _qop(parameters: Mapping[str, str]) -> str | None:
    """The quality of protection to use: empty if none is offered, as before RFC 2617; None if no offered one is supported."""
    offered = [name.strip().lower() for name in parameters.get("qop", "").split(",")]
    return next((name for name in ("auth", "auth-int", "") if name in offered), None)


def _digest(parameters: Mapping[str, str], user: str, password: str, target: str) -> str:
    algorithm, realm, nonce = parameters.get("algorithm", "MD5").upper(), parameters.get("realm", ""), parameters["nonce"]
    kind, quality, mine = _HASHES[algorithm.removesuffix(_SESSION)], _qop(parameters), secrets.token_hex(16)
    secret = _hash(kind, f"{user}:{realm}:{password}")
    if algorithm.endswith(_SESSION):
        secret = _hash(kind, f"{secret}:{nonce}:{mine}")
    asked = f"GET:{target}" + (f":{_hash(kind, '')}" if quality == "auth-int" else "")  # a GET has no body
    between = f"{nonce}:00000001:{mine}:{quality}" if quality else nonce
    fields = {"username": user, "realm": realm, "nonce": nonce, "uri": target}
    fields["response"] = _hash(kind, f"{secret}:{between}:{_hash(kind, asked)}")
    if "opaque" in parameters:
        fields["opaque"] = parameters["opaque"]
    if quality or algorithm.endswith(_SESSION):
        fields["cnonce"] = mine
    bare = [f"algorithm={parameters['algorithm']}"] if "algorithm" in parameters else []
    bare += [f"qop={quality}", "nc=00000001"] if quality else []
    return "Digest " + ", ".join([*(f'{name}="{_escaped(value)}"' for name, value in fields.items()), *bare])


def _hash(kind: str, text: str) -> str:
    return hashlib.new(kind, text.encode("latin-1"), usedforsecurity=False).hexdigest()


def _escaped(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text)
