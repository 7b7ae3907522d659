"""Settings from `SECCAM_…` environment variables, checked at the start, with all faults reported at once.

A secret `NAME` can be in a file as well, which `NAME_FILE` names.

A group of settings is a pydantic model with its own prefix. A service reads shared groups and its own group. It refuses
unknown names with one of its prefixes, or with a prefix that no part of seccam has.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from seccam.errors import SettingFault, SettingsError

#: All prefixes in seccam; a service ignores names with a prefix of another service.
PREFIXES = (
    "SECCAM_BROKER_",
    "SECCAM_LOG_",
    "SECCAM_VISIT_",
    "SECCAM_CAMERA_",
    "SECCAM_MONITOR_",
    "SECCAM_SECURITY_",
    "SECCAM_NOTIFIER_",
    "SECCAM_TELEGRAM_",
    "SECCAM_NTFY_",
    "SECCAM_WEBHOOK_",
    "SECCAM_APPRISE_",
    "SECCAM_PUBLIC_",
    "SECCAM_LOCAL_",
)
#: Names without a prefix: the cameras of `make run`, the commit that an image was built from.
OTHER_NAMES = frozenset({"SECCAM_CAMERAS", "SECCAM_REVISION"})
#: Names that earlier versions read, and what to set instead.
REPLACED = {
    **dict.fromkeys(
        ("SECCAM_SECURITY_COOLDOWN_SECONDS", "SECCAM_NOTIFIER_COOLDOWN_SECONDS", "SECCAM_MONITOR_VISIT_SECONDS"),
        "replaced by SECCAM_VISIT_GAP_SECONDS, the seconds without a face after which a visit is over",
    ),
    "SECCAM_SECURITY_WHOLE_SECONDS": "renamed to SECCAM_SECURITY_FULL_SCAN_INTERVAL_SECONDS",
    "SECCAM_SECURITY_WHOLE_WIDTH": "renamed to SECCAM_SECURITY_FULL_SCAN_WIDTH",
}
#: Least similarity (0 to 1) of two names for a suggestion: without SECCAM_, and without the group's prefix.
_ALIKE, _ALIKE_WITHIN = 0.8, 0.51
#: Our words for pydantic's error types; other errors keep pydantic's message.
_WORDS = {
    "missing": "must be set",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be {expected}",
    "too_short": "must have at least {min_length} characters",  # SecretStr
    "string_too_short": "must have at least {min_length} characters",
    "too_long": "must have at most {max_length} characters",
    "string_too_long": "must have at most {max_length} characters",
}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]*)(:\d*)?")

Port = Annotated[int, Field(ge=0, le=65535)]


class Group(BaseModel):
    """A group of settings; each subclass sets `PREFIX`. pydantic converts the variables' texts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Prefix of the group's variables.
    PREFIX: ClassVar[str]


class LogSettings(Group):
    """Log output."""

    PREFIX = "SECCAM_LOG_"

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level that is logged.")
    format: Literal["auto", "json", "console"] = Field("auto", description="`auto`: readable on a terminal, JSON otherwise.")


class BrokerSettings(Group):
    """The connection to the broker."""

    PREFIX = "SECCAM_BROKER_"

    url: SecretStr = Field(
        SecretStr("amqp://127.0.0.1:5672/"),
        description="`amqp://` or `amqps://`, with or without user and password; the path is the vhost (`/`: the default vhost).",
    )
    username: str = Field("", description="User, if the URL has none.")
    password: SecretStr = Field(SecretStr(""), description="Password, if the URL has none.")
    ca_file: str = Field("", description="PEM file of the CA that signed the broker's certificate; empty: the system's CAs.")

    @field_validator("url")
    @classmethod
    def _whole_url(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        try:
            parts = urlsplit(url)
            whole = not {"?", "#"} & set(url)  # they would cut off the vhost's name silently
            good = whole and parts.scheme in ("amqp", "amqps") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # its text may hold a part of the password
            good = False
        if not good:
            raise ValueError(
                "must be amqp://[user:password@]host[:port][/vhost] or amqps://…; "
                "write / # ? @ : and % in a user, password or vhost as %2F %23 %3F %40 %3A %25"
            )
        return value

    @field_validator("ca_file")
    @classmethod
    def _readable(cls, value: str) -> str:
        if value:
            try:
                Path(value).read_bytes()
            except OSError as e:
                raise ValueError(f"can't be read: {e.strerror}") from None
        return value

    @property
    def vhost(self) -> str:
        """The name of the vhost."""
        return unquote(urlsplit(self.url.get_secret_value()).path[1:]) or "/"


class VisitSettings(Group):
    """What a visit is; the same for the workers, the notifier and the page."""

    PREFIX = "SECCAM_VISIT_"

    gap_seconds: float = Field(
        60.0, gt=0, le=86_400, description="Seconds without a face after which a visit is over; the next face begins a new one."
    )
    reminder_seconds: float = Field(
        0.0,
        ge=0,
        le=604_800,
        description="Seconds between notifications of a visit that goes on; `0`: only one, unless more faces come.",
    )


class OpsSettings(Group):
    """The ops port; each service's own group extends this."""

    ops_host: str = Field("127.0.0.1", description="Address of /healthz, /readyz and /metrics.")
    ops_port: Port = Field(9090, description="Port of /healthz, /readyz and /metrics.")


def names(group: type[Group]) -> dict[str, str]:
    """The group's environment variables: name → field."""
    return {f"{group.PREFIX}{field}".upper(): field for field in group.model_fields}


def secret_files(group: type[Group]) -> dict[str, str]:
    """The variables that name a file with a secret, `NAME_FILE` for each secret `NAME`: name -> field."""
    return {f"{name}_FILE": field for name, field in names(group).items() if _is_secret(group, field)}


def _is_secret(group: type[Group], field: str) -> bool:
    return field in group.model_fields and group.model_fields[field].annotation is SecretStr


def given(environ: Mapping[str, str], name: str) -> str:
    """The variable's value; empty if it is not set.

    Surrounding whitespace is stripped, because a Secret made from a file ends with a newline.
    """
    return environ.get(name, "").strip()


def listed(text: str) -> list[str]:
    """The parts of a comma-separated list, without empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


def is_given(environ: Mapping[str, str], secret: str) -> bool:
    """Whether the secret is set, by its variable or by a file."""
    return bool(given(environ, secret) or given(environ, f"{secret}_FILE"))


def load(*groups: type[Group], environ: Mapping[str, str] = os.environ, ignore_unknown: bool = False) -> tuple[Any, ...]:
    """The groups, read from the environment. Raises SettingsError with all faults.

    `ignore_unknown` accepts unknown names, because Kubernetes adds variables such as SECCAM_MONITOR_PORT to pods.
    """
    faults = [fault for fault in _unknown(groups, environ) if fault.setting in REPLACED or not ignore_unknown]
    loaded = []
    for group in groups:
        values = {field: value for name, field in names(group).items() if (value := given(environ, name))}
        faults += _read_secrets(group, environ, values)
        try:
            loaded.append(group(**values))
        except ValidationError as e:
            faults += [_fault(group, error, values) for error in e.errors(include_input=False, include_url=False)]
    if faults:
        raise SettingsError(*faults)
    return tuple(loaded)


def _read_secrets(group: type[Group], environ: Mapping[str, str], values: dict[str, str]) -> Iterator[SettingFault]:
    """Add the secrets that are in files to the values; a fault for each that can't be read."""
    for name, field in secret_files(group).items():
        file = given(environ, name)
        if file and field in values:
            yield SettingFault(name, f"{name.removesuffix('_FILE')} is set, too; set only one of them")
        elif file:
            try:
                values[field] = Path(file).read_text().strip()
            except (OSError, UnicodeDecodeError) as e:
                yield SettingFault(name, f"{file}: can't be read: {e.strerror if isinstance(e, OSError) else 'not UTF-8'}")


def _unknown(groups: Sequence[type[Group]], environ: Mapping[str, str]) -> Iterator[SettingFault]:
    """A fault for each unknown name."""
    known = {name for group in groups for name in (*names(group), *secret_files(group))} | OTHER_NAMES
    own = tuple(group.PREFIX for group in groups)
    for name in sorted(environ):
        if name.startswith("SECCAM_") and name not in known and (name.startswith(own) or not name.startswith(PREFIXES)):
            if name in REPLACED:
                if given(environ, name):  # empty means unset
                    yield SettingFault(name, REPLACED[name])
            else:
                yield SettingFault(name, "unknown setting", _nearest(name, known))


def _nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most similar, within the group of the name's prefix; empty if none is similar enough."""
    prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), "SECCAM_")
    named = {one.removeprefix("SECCAM_"): one for one in sorted(known) if one.startswith(prefix)}
    for near in difflib.get_close_matches(name.removeprefix("SECCAM_"), named, 5, _ALIKE):
        rests = name.removeprefix(prefix), named[near].removeprefix(prefix)
        if difflib.SequenceMatcher(None, *rests).ratio() >= _ALIKE_WITHIN:
            return named[near]
    return ""


def _fault(group: type[Group], error: Mapping[str, Any], given: Mapping[str, str]) -> SettingFault:
    """The variable, its value unless that is secret or already in the message, and what is wrong."""
    field = str(error["loc"][0]) if error["loc"] else ""
    name = f"{group.PREFIX}{field}".upper().rstrip("_")
    words = _WORDS.get(error["type"])
    why = words.format(**error.get("ctx", {})) if words else str(error["msg"]).removeprefix("Value error, ")
    value = given.get(field, "")
    secret = _is_secret(group, field)
    # an address without a scheme may be anything, for example a path with a key in it
    silent = not value or secret or repr(value) in why or (field.endswith("url") and "://" not in value)
    return SettingFault(name, " ".join((why if silent else f"{showable(value)}: {why}").splitlines()))


def showable(value: str) -> str:
    """A value as a fault shows it: on one line, and only the scheme, host and port of a URL; the rest may hold a login."""
    scheme, separator, rest = value.partition("://")
    if separator:
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        path = rest[len(authority) :]
        host = authority.rpartition("@")[2]
        # an @ in the path may end a password that contains a /
        sure = _SCHEME.fullmatch(scheme) and _HOST.fullmatch(host) and "@" not in path
        shown = f"{scheme}://{host}{path if path in ('', '/') else f'{path[0]}…'}"
        return shown if sure else f"{scheme}://…" if _SCHEME.fullmatch(scheme) else "…"
    head, at, tail = value.rpartition("@")
    shown = f"…@{tail}" if at and head else value
    shown = shown if len(shown) <= 100 else f"{shown[:99]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def describe(*groups: type[Group]) -> str:
    """The groups' settings for --help: name, default, description."""
    lines = []
    for group in groups:
        for name, field in names(group).items():
            info = group.model_fields[field]
            lines.append(f"  {name}  ({'required' if info.is_required() else shown(info.default)})\n      {info.description}")
    return "\n".join([*lines, "  A secret can be in a file: NAME_FILE, with the file's path, instead of NAME."])


def shown(default: Any) -> str:
    """A default as it would be written in an environment variable."""
    value = default.get_secret_value() if isinstance(default, SecretStr) else default
    if isinstance(value, bool):
        return str(value).lower()
    return "empty" if value in ("", None) else str(value)
