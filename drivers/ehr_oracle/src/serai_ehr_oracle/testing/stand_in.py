"""The running stand-in."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from seerdb.common.tns_consts import FIELD_VERSION_12_2
from seerdb.server import Server

from serai_ehr_oracle.testing.network import Network
from serai_ehr_oracle.testing.sessions import Session


class OracleStandIn:
    """A running stand-in; `port` is where clients go. Between them and it is a network that can be cut."""

    def __init__(self, path: Path, tls: ssl.SSLContext | None) -> None:
        self.path = path
        """The database that sessions see; may be changed for those to come."""
        self._answering = Event()
        self._answering.set()
        self._server = Server(
            port=0,
            backend_factory=lambda: Session(self.path, self._answering),
            field_version=FIELD_VERSION_12_2,
            ssl_context=tls,
        )
        Thread(target=self._server.serve_forever, daemon=True).start()
        self._network = Network(self._server.port)
        self.port = self._network.port

    def cut(self) -> None:
        """Cut all connections, in the middle of whatever they do."""
        self._network.cut()

    def stop_answering(self) -> None:
        """Let queries wait until `answer_again`."""
        self._answering.clear()

    def answer_again(self) -> None:
        """Let queries go on."""
        self._answering.set()

    def go_down(self) -> None:
        """Cut all connections and refuse new ones."""
        self._network.refuse()

    def come_up(self) -> None:
        """Listen again, on the same port."""
        self._network.listen()

    def close(self) -> None:
        """End for good."""
        self.answer_again()
        self.go_down()
        self._server.close()


@contextmanager
def oracle_stand_in(path: Path, *, tls: ssl.SSLContext | None = None) -> Iterator[OracleStandIn]:
    """Serve the database of a path that `load` filled."""
    running = OracleStandIn(path, tls)
    try:
        yield running
    finally:
        running.close()
