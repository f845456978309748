"""The receiving conversation that plays a script and watches for what the standards forbid."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import socket
import ssl
import struct
from collections.abc import Awaitable
from typing import Any

from delivery.smtp.server import Answer, Conversation
from tests.servers.stage import Stage

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class Judge(Conversation):
    """A conversation that plays the script."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.name = stage.script.get("name", "mx.receiver.test")
        self.check = stage.script.get("check", True)
        self.rules = {phase for phase in ("mail", "rcpt", "data", "dot") if phase in stage.script}
        self.quiet = stage.script.get("quiet", False)
        self.secure = False
        self.pipelined = False  # the last EHLO offered it
        self._asked: Any = None  # what to do with the next line of an AUTH

    def connection_made(self, transport: Any) -> None:
        stage = self.stage
        stage.connections += 1
        stage.peers.add(transport.get_extra_info("peername")[0])
        stage.open += 1
        stage.most_open = max(stage.most_open, stage.open)
        self.secure = transport.get_extra_info("sslcontext") is not None
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stage.open -= 1
        super().connection_lost(exc)

    def play(self, scripted: str | None, normal: Answer | Awaitable[Answer]) -> Answer | Awaitable[Answer]:
        """The scripted answer, or the normal one."""
        if scripted is None:
            return normal
        if scripted == "DROP":
            return None
        if scripted == "RST":
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
            return None
        if scripted == "EOF":
            self._flush()
            self.transport.write_eof()
        if scripted in ("SILENT", "EOF"):
            return asyncio.get_running_loop().create_future()
        word, _, rest = scripted.partition(" ")
        if word == "STALL":
            self.transport.pause_reading()
            return rest.encode()
        if word == "CLOSE":
            self.closing = True
            return rest.encode()
        if word in ("RAW", "FLOOD"):
            times, _, rest = rest.partition(" ") if word == "FLOOD" else ("1", "", rest)
            self._flush()
            octets = rest.encode("latin-1").decode("unicode_escape").encode("latin-1")
            self.transport.write(octets * int(times))
            return asyncio.get_running_loop().create_future()
        if word in ("WAIT", "SLOW"):
            seconds, _, answer = rest.partition(" ")
            return self._wait(float(seconds), answer, normal) if word == "WAIT" else self._slow(float(seconds), answer)
        return scripted.encode()

    async def _wait(self, seconds: float, answer: str, normal: Answer | Awaitable[Answer]) -> Answer:
        await asyncio.sleep(seconds)
        played = self.play(answer or None, normal)
        return played if played is None or isinstance(played, bytes) else await played

    async def _slow(self, seconds: float, answer: str) -> Answer:
        for octet in answer.encode():
            self.transport.write(bytes([octet]))
            await asyncio.sleep(seconds)
        return b""

    def data_received(self, data: bytes) -> None:
        if self._pending is not None and not self.pipelined:
            self._early(data)
        super().data_received(data)

    def _early(self, data: bytes | bytearray) -> None:
        """Without PIPELINING each command waits for the reply to the one before (RFC 5321, 4.3.1; RFC 2920, 3.1)."""
        if self.check:
            self.stage.violation(f"written before its turn: {bytes(data[:60])!r}")

    def greet(self) -> Answer | Awaitable[Answer]:
        return self.play(self.stage.over("banner") or self.stage.scripted("banner"), super().greet())

    def extensions(self) -> list[bytes]:
        script = self.stage.script
        offers = script.get("extensions", ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"])
        found = [offer.encode() for offer in offers]
        if "size" in script:
            found.append(b"SIZE %d" % script["size"])
        if script.get("tls") == "starttls" and not self.secure:
            found.append(b"STARTTLS")
        if "users" in script:
            found.append(b"AUTH " + " ".join(script.get("offered") or self._mechanisms()).encode())
        return found or [b"HELP"]

    def hello(self, verb: bytes, argument: bytes) -> Answer | Awaitable[Answer]:
        phase = verb.decode().lower()
        return self.play(self.stage.over(phase) or self.stage.scripted(phase), super().hello(verb, argument))

    def mail(self, address: str, parameters: bytes) -> Answer | Awaitable[Answer]:
        normal = b"250 2.1.0 OK"
        if over := self.stage.over("mail"):
            return self.play(over, normal)
        return self.play(self.stage.scripted("mail"), normal) if "mail" in self.rules else normal

    def rcpt(self, address: str) -> Answer | Awaitable[Answer]:
        normal = b"250 2.1.5 OK"
        over = self.stage.over("rcpt")
        return (
            self.play(over or self.stage.scripted("rcpt", address), normal) if over or "rcpt" in self.rules else normal
        )

    def data(self) -> Answer | Awaitable[Answer]:
        normal = b"354 End with <CRLF>.<CRLF>"
        return self.play(self.stage.scripted("data"), normal) if "data" in self.rules else normal

    def message(self, data: bytes) -> Answer | Awaitable[Answer]:
        if not self.rcpts:
            return b"554 5.5.1 No valid recipients"
        scripted = self.stage.scripted("dot", self.rcpts[0]) if "dot" in self.rules else None
        if scripted and scripted.startswith("ACCEPT "):
            return self._accept_and(scripted.removeprefix("ACCEPT "), data)
        if scripted and not scripted.startswith(("2", "WAIT")):
            return self.play(scripted, None)
        return self._accept_and(scripted, data) if scripted else self._accept(data)

    def _accept(self, data: bytes) -> asyncio.Future[Answer]:
        self.stage.accepted += 1
        answer = b"250 2.0.0 Ok: queued as %X" % self.stage.accepted
        return self.stage.ledger.accept(self.mail_from or "", self.rcpts, data, answer)

    async def _accept_and(self, scripted: str, data: bytes) -> Answer:
        played = self.play(scripted, await self._accept(data))
        return played if played is None or isinstance(played, bytes) else await played

    def line_seen(self, line: bytes) -> None:
        if self.quiet:
            return
        stage = self.stage
        verb = line[:4].decode("latin-1").upper() if self._asked is None else "(AUTH)"
        stage.commands[verb] += 1
        stage.lines.append(line.decode("latin-1"))
        del stage.lines[:-1000]
        if len(line) > (510 if verb in ("EHLO", "HELO", "DATA", "RSET", "QUIT") else 1000):
            stage.violation(f"command of {len(line)} octets: {line[:60]!r}")
        if _BARE.search(line):
            stage.violation(f"bare CR or LF in a command: {line[:60]!r}")
        if self._buffer and not (self.pipelined and verb in ("MAIL", "RCPT", "RSET")):
            self._early(self._buffer)

    def raw_seen(self, data: bytes) -> None:
        if not self.check:
            return
        if self._buffer and not self.pipelined:
            self._early(self._buffer)
        if _BARE.search(data):
            self.stage.violation("bare CR or LF in a message")
        longest = max(map(len, data.split(b"\r\n")))
        if longest > 998:
            self.stage.violation(f"a line of {longest} octets in a message")

    def answer(self, verb: bytes, argument: bytes) -> Answer | Awaitable[Answer]:
        if verb == b"DATA" and not self.rcpts and self.stage.script.get("eager_data"):
            return self.data()
        return super().answer(verb, argument)

    # AUTH and STARTTLS

    def _command(self) -> bool:
        if self._asked is None:
            return super()._command()
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        self.line_seen(line)
        step, self._asked = self._asked, None
        self._give(self.play(self.stage.scripted("auth"), step(line)), b"AUTH")
        return True

    def other(self, verb: bytes, argument: bytes) -> Answer | Awaitable[Answer]:
        if verb == b"STARTTLS" and self.stage.script.get("tls") == "starttls":
            scripted = self.stage.scripted("starttls")
            return self.play(scripted, b"") if scripted else self._starttls(b"")
        if verb == b"AUTH" and "users" in self.stage.script:
            return self._auth(*argument.partition(b" ")[::2])
        return super().other(verb, argument)

    async def _starttls(self, _: bytes) -> Answer:
        injected = self.stage.script.get("inject", "").encode("latin-1")
        self.transport.write(b"220 2.0.0 Go ahead\r\n" + injected)
        self._buffer.clear()  # RFC 3207: nothing sent in clear survives
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(self.transport, self, self.stage.tls(), server_side=True)
        except (OSError, ssl.SSLError):
            return None
        if secured is None:
            return None
        self.transport, self.secure = secured, True
        return b""

    def _mechanisms(self) -> list[str]:
        return list(self.stage.script.get("mechanisms", ["PLAIN", "LOGIN", "CRAM-MD5"]))

    def _auth(self, mechanism: bytes, initial: bytes) -> Answer:
        mechanism = mechanism.upper()
        if mechanism.decode() not in self._mechanisms():
            return b"504 5.5.4 Unknown mechanism"
        if mechanism == b"PLAIN":
            _, user, password = base64.b64decode(initial).split(b"\0")
            return self._sign_in(user, password)
        if mechanism == b"LOGIN":
            user = base64.b64decode(initial)
            self._asked = lambda line: self._sign_in(user, base64.b64decode(line))
            return b"334 UGFzc3dvcmQ6"
        challenge = b"<1896.697170952@receiver.test>"
        self._asked = lambda line: self._cram(challenge, base64.b64decode(line))
        return b"334 " + base64.b64encode(challenge)

    def _cram(self, challenge: bytes, answer: bytes) -> Answer:
        user, _, digest = answer.rpartition(b" ")
        password = self.stage.script["users"].get(user.decode(), "").encode()
        right = hmac.new(password, challenge, hashlib.md5).hexdigest().encode()
        return b"235 2.7.0 Welcome" if hmac.compare_digest(digest, right) else b"535 5.7.8 Wrong"

    def _sign_in(self, user: bytes, password: bytes) -> Answer:
        right = self.stage.script["users"].get(user.decode())
        return b"235 2.7.0 Welcome" if right == password.decode() else b"535 5.7.8 Wrong user name or password"

    def _settle(self, answer: Answer, verb: bytes) -> None:
        if verb in (b"EHLO", b"HELO", b"STARTTLS"):
            self.pipelined = answer is not None and b"PIPELINING" in answer
        if answer == b"":  # everything has been written already
            self._out.clear()
            if verb == b".":
                self.reset()
            return
        super()._settle(answer, verb)
