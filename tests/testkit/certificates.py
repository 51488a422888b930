"""A certificate authority of a test's own."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from tests.testkit.process import require


class Authority:
    """An authority with a certificate for a server and one for a client.

    `names`: what the server's is for, as in `IP:127.0.0.1,DNS:*.example`.
    """

    def __init__(self, folder: Path, names: str = "IP:127.0.0.1") -> None:
        self._folder, self._names = folder, names
        folder.mkdir()
        self.ca = self._path("ca.pem")
        # Python 3.13 takes no certificate of an authority that does not say that it is one.
        usage = "keyUsage=critical,keyCertSign,cRLSign"
        self._openssl(
            "req", "-x509", "-subj", "/CN=our own", "-addext", usage, *self._key("ca"),
            "-out", self.ca,
        )  # fmt: skip
        self.server, self.server_key = self._issue("server")
        self.client, self.client_key = self._issue("client")

    def for_server(self) -> ssl.SSLContext:
        """Return the context of a server that presents its certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server, self.server_key)
        return context

    def for_client(self) -> ssl.SSLContext:
        """Return the context of a client that trusts this authority alone."""
        return ssl.create_default_context(cafile=self.ca)

    def _issue(self, name: str) -> tuple[str, str]:
        certificate = self._path(f"{name}.pem")
        self._openssl(
            "req", "-x509", "-subj", f"/CN={name}", "-addext", f"subjectAltName={self._names}",
            "-addext", "basicConstraints=critical,CA:FALSE", "-CA", self.ca,
            "-CAkey", self._path("ca.key"), *self._key(name), "-out", certificate,
        )  # fmt: skip
        return certificate, self._path(f"{name}.key")

    def _key(self, name: str) -> tuple[str, ...]:
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        return (*curve, "-days", "2", "-keyout", self._path(f"{name}.key"))

    def _path(self, name: str) -> str:
        return str(self._folder / name)

    @staticmethod
    def _openssl(*args: str) -> None:
        done = subprocess.run([require("openssl"), *args], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
