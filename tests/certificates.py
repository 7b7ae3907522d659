"""Certificates for a test's broker, by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

from seccam.settings import BrokerSettings
from tests.brokers import RunningBroker, free_port

#: What a strict check (Python 3.13's default) wants of an authority.
_AUTHORITY = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make(folder: Path, names: str) -> None:
    """ca.pem, broker.pem and broker.key, and other.pem of an authority that signed nothing; `names`: DNS:broker,IP:127.0.0.1"""
    for name in ("ca", "other"):
        subject = ("-x509", "-days", "2", "-subj", f"/CN={name}", *_AUTHORITY)
        _openssl(folder, "req", *_NEW_KEY, *subject, "-keyout", f"{name}.key", "-out", f"{name}.pem")
    _openssl(folder, "req", *_NEW_KEY, "-subj", "/CN=broker", "-keyout", "broker.key", "-out", "broker.csr")
    extensions = (f"subjectAltName={names}", "basicConstraints=CA:FALSE", "authorityKeyIdentifier=keyid")
    (folder / "extensions").write_text("\n".join(extensions) + "\n")
    sign(folder)


def sign(folder: Path, *, days: int = 2) -> None:
    """A new broker.pem for so many days; one for fewer than 0 has expired."""
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", str(days), "-extfile", "extensions")
    _openssl(folder, "x509", "-req", "-in", "broker.csr", *signing, "-out", "broker.pem")


class TlsListener:
    """A TLS listener of a running broker, and the folder of its certificates."""

    def __init__(self, broker: RunningBroker, folder: Path) -> None:
        make(folder, "IP:127.0.0.1")
        self._broker, self.folder, self.port = broker, folder, free_port()
        files = ", ".join(
            f'{{{kind}, "{folder / name}"}}' for kind, name in (("certfile", "broker.pem"), ("keyfile", "broker.key"))
        )
        listener = f'rabbit_networking:start_ssl_listener({{"127.0.0.1", {self.port}, inet}}, [{files}], 2)'
        broker.node.ctl("eval", f"{{ok, _}} = application:ensure_all_started(ssl), {listener}.")

    def settings(self, user: str, *, authority: str = "", host: str = "127.0.0.1") -> BrokerSettings:
        """Those of a user that trusts this authority."""
        password = self._broker.node.passwords()[user]
        ca_file = str(self.folder / authority) if authority else ""
        return BrokerSettings(url=f"amqps://{user}:{password}@{host}:{self.port}/", ca_file=ca_file)

    def renew(self, *, days: int = 2) -> None:
        """Use a new certificate for new connections."""
        sign(self.folder, days=days)
        self._broker.node.ctl("eval", "ssl:clear_pem_cache().")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
