"""The page's certificate. It is read again when its files change, so a renewed one needs no restart."""

from __future__ import annotations

import ssl
from pathlib import Path

from seccam import logs
from seccam.errors import SeccamError
from seccam.files import signature

log = logs.get(__name__)


class BadCertificate(SeccamError):  # noqa: N818  # as in seccam.errors
    """A certificate or its key can't be used; the text says why."""


class Certificate:
    """A certificate with its chain, and its key, as PEM files. Raises BadCertificate if they can't be used at the start."""

    def __init__(self, certificate_file: str, key_file: str) -> None:
        self._certificate_file, self._key_file = certificate_file, key_file
        self._signature = self._look()
        #: For new connections: TLS 1.2 or newer.
        self.context = read(certificate_file, key_file)

    def refresh(self) -> None:
        """Read the files if they have changed. Broken ones change nothing and are logged once."""
        found = self._look()
        if found == self._signature:
            return
        self._signature = found
        try:
            # into another context first: a failure would leave this one without its key
            read(self._certificate_file, self._key_file)
            _load(self.context, self._certificate_file, self._key_file)
        except BadCertificate as e:
            log.error("certificate_refused", file=self._certificate_file, error=str(e), meaning="the earlier one stays in use")  # noqa: TRY400  # the error says it all
        else:
            log.info("certificate_read", file=self._certificate_file)

    def _look(self) -> tuple[object, object]:
        return signature(self._certificate_file), signature(self._key_file)


def read(certificate_file: str, key_file: str) -> ssl.SSLContext:
    """A server's context with this certificate and key; raises BadCertificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _load(context, certificate_file, key_file)
    return context


def _load(context: ssl.SSLContext, certificate_file: str, key_file: str) -> None:
    for file in (certificate_file, key_file):
        try:
            Path(file).read_bytes()
        except OSError as e:  # load_cert_chain doesn't say which file
            raise BadCertificate(f"{file} can't be read: {e.strerror}") from None
    try:
        # an empty password: OpenSSL would ask for that of an encrypted key on the terminal
        context.load_cert_chain(certificate_file, key_file, password="")
    except ssl.SSLError as e:
        reason = {
            "KEY_VALUES_MISMATCH": "the key doesn't belong to the certificate",
            "NO_START_LINE": "not a PEM file, or one without a certificate or key",
        }.get(e.reason or "", e.reason or str(e))
        raise BadCertificate(f"{certificate_file} and {key_file} can't be used: {reason}") from None
    except (OSError, ValueError) as e:
        raise BadCertificate(f"{certificate_file} and {key_file} can't be used: {e}") from None
