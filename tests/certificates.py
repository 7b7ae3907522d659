"""Certificates for a test's servers, by openssl."""

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
    issue(folder, "broker", names)


def issue(folder: Path, name: str, names: str, *, authority: str = "ca", days: int = 2) -> None:
    """NAME.pem and NAME.key, signed by an authority of `make`; with `days` below 0 it has expired."""
    _openssl(folder, "req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    extensions = (f"subjectAltName={names}", "basicConstraints=CA:FALSE", "authorityKeyIdentifier=keyid")
    (folder / "extensions").write_text("\n".join(extensions) + "\n")
    signing = ("-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-extfile", "extensions")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signing, "-days", str(days), "-out", f"{name}.pem")


_NAMES = "IP:127.0.0.1"


class TlsListener:
    """A TLS listener of a running broker, and the folder of its certificates."""

    def __init__(self, broker: RunningBroker, folder: Path) -> None:
        make(folder, _NAMES)
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
        issue(self.folder, "broker", _NAMES, days=days)
        self._broker.node.ctl("eval", "ssl:clear_pem_cache().")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
