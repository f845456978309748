"""A tiny authoritative name server on loopback, for zones that a test writes.

    with Dns({"example.net": {"MX": ["10 mx.example.net"]}, "mx.example.net": {"A": ["127.0.0.1"]}}) as dns:
        ...DNS_RESOLVER = dns.address...

A zone maps a name to its records. The names "SERVFAIL", "TIMEOUT" and "NXDOMAIN" in place of records
give that answer; a name that is not there is NXDOMAIN unless a name below it exists. CNAMEs are followed.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Records = dict[str, list[str]] | str
Zone = dict[str, Records]


class Dns:
    """Serves UDP and TCP on one free port in threads of its own, so that any kind of test can use it."""

    def __init__(self, zone: Zone | None = None, *, ttl: int = 60) -> None:
        self.zone: Zone = {name.lower().rstrip("."): records for name, records in (zone or {}).items()}
        self.ttl = ttl
        self.asked: Counter[tuple[str, str]] = Counter()
        self._udp, self._tcp = _one_port()
        self.host, self.port = self._udp.getsockname()
        self._threads = [threading.Thread(target=serve, daemon=True) for serve in (self._serve_udp, self._serve_tcp)]

    @property
    def address(self) -> str:
        """As DNS_RESOLVER takes it."""
        return f"{self.host}:{self.port}"

    def set(self, name: str, records: Records) -> None:
        """Change one name from now on."""
        self.zone[name.lower().rstrip(".")] = records

    def add(self, name: str, kind: str, value: str) -> None:
        """One record more at a name that has others."""
        records = self.zone.get(name.lower().rstrip("."), {})
        assert isinstance(records, dict), f"{name} is {records}"
        self.set(name, {**records, kind: [*records.get(kind, []), value]})

    def __enter__(self) -> Dns:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        with contextlib.suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        self._udp.sendto(b"", (self.host, self.port))  # wakes the thread, which ends
        for thread in self._threads:
            thread.join(5)
        self._udp.close()

    def _serve_udp(self) -> None:
        while True:
            wire, peer = self._udp.recvfrom(4096)
            if not wire:
                return
            answer = self._answer(wire)
            if answer is None:
                continue
            if len(answer.to_wire()) > 1232:
                answer.flags |= dns.flags.TC
                answer.answer.clear()
            self._udp.sendto(answer.to_wire(), peer)

    def _serve_tcp(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection:
                length = int.from_bytes(connection.recv(2), "big")
                answer = self._answer(connection.recv(length))
                if answer is not None:
                    wire = answer.to_wire()
                    connection.sendall(len(wire).to_bytes(2, "big") + wire)

    def _answer(self, wire: bytes) -> dns.message.Message | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text().rstrip(".").lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.RA
        for _ in range(10):
            records = self.zone.get(name)
            if records == "TIMEOUT":
                return None
            if records == "SERVFAIL":
                answer.set_rcode(dns.rcode.SERVFAIL)
                return answer
            if not isinstance(records, dict):
                if records == "NXDOMAIN" or not any(known.endswith("." + name) for known in self.zone):
                    answer.set_rcode(dns.rcode.NXDOMAIN)
                return answer
            self._add(answer, name, kind, records.get(kind, []))
            alias = records.get("CNAME")
            if kind in records or kind == "CNAME" or not alias:
                return answer
            self._add(answer, name, "CNAME", alias)
            name = alias[0].rstrip(".").lower()
        return answer

    def _add(self, answer: dns.message.Message, name: str, kind: str, values: list[str]) -> None:
        if values:
            texts = [_quoted(value) if kind == "TXT" else _absolute(value, kind) for value in values]
            answer.answer.append(dns.rrset.from_text(name + ".", self.ttl, "IN", kind, *texts))


def _quoted(text: str) -> str:
    """A TXT value of any length as strings of at most 255 octets."""
    parts = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


def _absolute(value: str, kind: str) -> str:
    return value if kind not in ("MX", "CNAME", "NS", "PTR") or value.endswith(".") else value + "."


def _one_port() -> tuple[socket.socket, socket.socket]:
    """UDP and TCP of the same number: what is free for one may be taken for the other."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()
