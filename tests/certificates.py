"""Certificates for a test's broker, by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

#: What a strict check (Python 3.13's default) wants of an authority.
_AUTHORITY = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")


def make(folder: Path, names: str) -> None:
    """ca.pem, broker.pem and broker.key, and other.pem of an authority that signed nothing; `names`: DNS:broker,IP:127.0.0.1"""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("ca", "other"):
        openssl(
            "req",
            *new_key,
            "-x509",
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            *_AUTHORITY,
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
        )
    openssl("req", *new_key, "-subj", "/CN=broker", "-keyout", "broker.key", "-out", "broker.csr")
    extensions = (f"subjectAltName={names}", "basicConstraints=CA:FALSE", "authorityKeyIdentifier=keyid")
    (folder / "extensions").write_text("\n".join(extensions) + "\n")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions")
    openssl("x509", "-req", "-in", "broker.csr", *signing, "-out", "broker.pem")
