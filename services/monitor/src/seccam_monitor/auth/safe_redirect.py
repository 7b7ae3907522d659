"""Where to redirect after the login: only to paths of this origin. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

HOME = "/"
_LONGEST = 1024
# browsers treat a \ as a /, and remove tabs and newlines before parsing
_SAFE = "/?#&=%:@!$'()*+,;~-._"


def local_path(wanted: str | None) -> str:
    """The path, with query and fragment, if it is one of this origin; otherwise HOME."""
    if not wanted or len(wanted) > _LONGEST or wanted[0] != "/" or wanted[1:2] in ("/", "\\") or "\\" in wanted:
        return HOME
    if not wanted.isprintable():
        return HOME
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc or parts.path in ("/login", "/logout"):
        return HOME
    return quote(wanted, safe=_SAFE)


def login_url(wanted: str) -> str:
    """The URL of the login page that leads to this path."""
    return f"/login?next={quote(local_path(wanted), safe='/')}"
