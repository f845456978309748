"""How fast one send process is with other receivers: over 1, 10 and 50 connections, 20 and 100 ms away, without
PIPELINING, with TLS, and with one that defers and refuses. Each beside a reference of the same minute.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from contacts.models import List
from tests.bench import people, pipeline, references
from tests.bench.pipeline import Bench, How, To
from tests.bench.relay import away
from tests.servers.receiver import Receiver, Script

CONNECTIONS = (1, 10, 50)
ROUND_TRIPS = (0.0, 0.02, 0.1)  # seconds
SECONDS = 4.0  # that a run is to take
FASTEST = 4_000  # messages a second that are reckoned with
SOURCE_TRIPS = 5  # of smtp-source a message: it waits for each reply
QUIET: Script = {"store": False, "fsync": False, "check": False, "quiet": True}
DEFERS_AND_REFUSES: Script = {"rcpt": {r"reader\d*0": ["451 4.3.0 Later"], r"reader\d*[1357]7": "550 5.1.1 Unknown"}}


@dataclass(frozen=True, slots=True)
class Row:
    """One run: messages a second of ours and of what it is compared with."""

    name: str
    rate: float
    reference: str
    of: float

    @property
    def ratio(self) -> float:
        return self.rate / self.of

    def told(self) -> dict[str, object]:
        return {
            "name": self.name, "rate": round(self.rate, 1), "reference": self.reference, "of": round(self.of, 1),
            "ratio": round(self.ratio, 3),
        }  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name:44}{self.rate:8,.0f}/s  {self.ratio:6.2f} × {self.reference} ({self.of:,.0f}/s)"


def measure(bench: Bench) -> Iterator[Row]:
    for round_trip in ROUND_TRIPS:
        for connections in CONNECTIONS:
            yield _distance(bench, connections, round_trip)
    for round_trip in ROUND_TRIPS[:2]:
        yield _without_pipelining(bench, round_trip)
    yield from _tls(bench)
    yield _defers_and_refuses(bench)


def _distance(bench: Bench, connections: int, round_trip: float) -> Row:
    trips = connections / round_trip if round_trip else FASTEST
    audience = _audience(bench, min(FASTEST, trips))
    with references.sink() as sink, away(sink, round_trip) as port:
        source = references.smtp_source_to(port, _number(min(FASTEST, trips / SOURCE_TRIPS)), connections)
        ran = pipeline.run(bench, To(port), How(connections=connections), audience=audience)
    name = f"{connections} connection{'s' if connections > 1 else ''}, {round_trip * 1000:.0f} ms away"
    return Row(name, ran.rate, "smtp-source", source)


def _without_pipelining(bench: Bench, round_trip: float) -> Row:
    how = How(connections=10)
    audience = _audience(bench, min(FASTEST, how.connections / round_trip if round_trip else FASTEST))
    rates = []
    for offered in (False, True):
        with references.sink(pipelining=offered) as sink, away(sink, round_trip) as port:
            rates.append(pipeline.run(bench, To(port), how, audience=audience).rate)
    return Row(f"without PIPELINING, {round_trip * 1000:.0f} ms away", rates[0], "with it", rates[1])


def _tls(bench: Bench) -> Iterator[Row]:
    """Our own receiver, since smtp-sink knows no TLS; it is slower, and shares the cores."""
    audience = _audience(bench, FASTEST / 2)
    with _certificate() as (certificate, authority):
        with Receiver.start(QUIET) as plain:
            of = pipeline.run(bench, To(plain.port), How(), audience=audience).rate
        for kind, security in (("starttls", "starttls"), ("implicit", "implicit")):
            with Receiver.start(QUIET | {"tls": kind, "cert": str(certificate)}) as receiver:
                to = To(receiver.port, security, str(authority))
                ran = pipeline.run(bench, to, How(), audience=audience)
            yield Row(f"TLS ({kind}), our receiver", ran.rate, "in clear", of)


def _defers_and_refuses(bench: Bench) -> Row:
    """10 % later, 2 % never: until everybody was tried once. Those deferred are not waited for."""
    audience = _audience(bench, FASTEST / 2)
    rates = []
    for script in (QUIET | DEFERS_AND_REFUSES, QUIET):
        with Receiver.start(script) as receiver:
            rates.append(pipeline.run(bench, To(receiver.port), How(), audience=audience).rate)
    return Row("defers 10 %, refuses 2 %, our receiver", rates[0], "takes all", rates[1])


@contextmanager
def _certificate() -> Iterator[tuple[Path, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        certificate, authority = Path(folder) / "server.pem", Path(folder) / "ca.pem"
        ca = trustme.CA()
        ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        ca.cert_pem.write_to_path(authority)
        yield certificate, authority


def _number(rate: float) -> int:
    return max(10, int(rate * SECONDS))


def _audience(bench: Bench, rate: float) -> List:
    """As many as should take some seconds."""
    number = _number(rate)
    known = List.objects.filter(workspace=bench.workspace, name=f"{number} people").first()
    return known or people.some(bench.list, number, f"{number} people")
