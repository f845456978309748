"""Mail stores on loopback that behave as they are told: IMAP and POP3 enough for one client, and their misdeeds.

with Imap({1: b"Subject: …"}) as store: … store.port, store.mails, store.flags, store.moved, store.said
"""

from __future__ import annotations

import re
import socketserver
import ssl
import threading
from contextlib import closing, suppress
from typing import Any, Self


class Store:
    """`mails` by UID or number. `faults` are names that the dialogues look for, each used up as often as it says."""

    dialogue: type[Dialogue]

    def __init__(self, mails: dict[int, bytes], *, certificate: str = "", implicit: bool = False) -> None:
        self.mails = dict(mails)
        self.flags: dict[int, set[str]] = {}
        self.moved: dict[int, str] = {}
        self.faults: dict[str, int] = {}
        self.said: list[str] = []
        self.uid_validity = 7
        self.capabilities = "IMAP4rev1 UIDPLUS MOVE AUTH=PLAIN"
        self.tls: ssl.SSLContext | None = None
        if certificate:
            self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.tls.load_cert_chain(certificate)
        self.implicit = implicit

    def fault(self, name: str) -> bool:
        left = self.faults.get(name, 0)
        self.faults[name] = left - 1
        return left > 0

    def __enter__(self) -> Self:
        store = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError, EOFError):  # the client has had enough, or we had to hang up
                    dialogue = store.dialogue(store, self.request)
                    with closing(dialogue), suppress(OSError, EOFError):
                        dialogue.run()

        socketserver.ThreadingTCPServer.daemon_threads = True
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()


class Dialogue:
    def __init__(self, store: Any, connection: Any) -> None:
        self.store, self.connection = store, connection
        self.use(store.tls.wrap_socket(connection, server_side=True) if store.implicit else connection)

    def use(self, connection: Any) -> None:
        self.connection = connection
        self.lines = connection.makefile("rb")

    def close(self) -> None:
        self.lines.close()
        self.connection.close()

    def say(self, *lines: bytes) -> None:
        self.connection.sendall(b"".join(line + b"\r\n" for line in lines))

    def hear(self) -> str:
        line = self.lines.readline()
        if not line:
            raise EOFError
        said: str = line.decode().strip()
        self.store.said.append(said)
        return said

    def flood(self, line: bytes) -> None:
        while True:
            self.connection.sendall(line * 1000)

    def run(self) -> None:
        raise NotImplementedError


class ImapDialogue(Dialogue):
    def run(self) -> None:
        self.say(b"* OK ready")
        while True:
            tag, _space, rest = self.hear().partition(" ")
            verb, _space, argument = rest.partition(" ")
            if verb == "UID":
                verb, _space, argument = argument.partition(" ")
            if verb == "LOGOUT":
                self.say(b"* BYE", tag.encode() + b" OK bye")
                return
            answer = getattr(self, f"do_{verb.lower()}")(argument)
            self.say(f"{tag} {answer}".encode())
            if verb == "STARTTLS":
                self.use(self.store.tls.wrap_socket(self.connection, server_side=True))

    def do_capability(self, _argument: str) -> str:
        self.say(f"* CAPABILITY {self.store.capabilities}".encode())
        return "OK done"

    def do_starttls(self, _argument: str) -> str:
        return "OK done"

    def do_noop(self, _argument: str) -> str:
        return "OK done"

    def do_authenticate(self, _argument: str) -> str:
        self.say(b"+ ")
        self.hear()
        return "NO wrong password" if self.store.fault("sign_in") else "OK done"

    def do_login(self, _argument: str) -> str:
        return "OK done"

    def do_select(self, argument: str) -> str:
        if argument == '"Missing"':
            return "NO no such folder"
        self.say(
            b"* %d EXISTS" % len(self.store.mails),
            b"* OK [UIDVALIDITY %d] valid" % self.store.uid_validity,
            b"* OK [UIDNEXT %d] next" % (max(self.store.mails, default=0) + 1),
        )
        return "OK [READ-WRITE] done"

    def do_examine(self, argument: str) -> str:
        return self.do_select(argument).replace("READ-WRITE", "READ-ONLY")

    def do_search(self, argument: str) -> str:
        first, last = argument.rpartition("UID ")[2].replace("*", str(2**32)).split(":")
        if self.store.fault("endless_search"):
            self.flood(b"* SEARCH 1 2 3\r\n")
        found = [
            str(uid) for uid in sorted(self.store.mails) if int(first) <= uid and (last == "*" or uid <= int(last))
        ]
        self.say(("* SEARCH " + " ".join(found)).encode())
        return "OK done"

    def do_fetch(self, argument: str) -> str:
        uid = int(argument.split()[0])
        raw = self.store.mails[uid]
        if self.store.fault("huge_literal"):
            self.say(b"* 1 FETCH (UID %d BODY[]<0> {99999999999}" % uid)
            self.flood(b"x" * 1000)
        head = b"* 1 FETCH (UID %d BODY[]<0> {%d}\r\n" % (uid, len(raw))
        if self.store.fault("drop_in_fetch"):
            self.connection.sendall(head + raw[: len(raw) // 2])
            self.connection.close()
            raise EOFError
        self.connection.sendall(head + raw + b")\r\n")
        if "PEEK" not in argument:
            self.store.flags.setdefault(uid, set()).add(r"\Seen")
        return "OK done"

    def do_create(self, _argument: str) -> str:
        return "NO exists"

    def do_move(self, argument: str) -> str:
        uid, _space, folder = argument.partition(" ")
        if self.store.fault("no_move"):
            return "NO quota"
        self.store.moved[int(uid)] = folder
        del self.store.mails[int(uid)]
        return "OK done"

    def do_store(self, argument: str) -> str:
        uid, flags = re.fullmatch(r"(\d+) \+FLAGS\.SILENT \((.*)\)", argument).groups()  # type: ignore[union-attr]
        self.store.flags.setdefault(int(uid), set()).add(flags)
        return "OK done"

    def do_expunge(self, argument: str) -> str:
        del self.store.mails[int(argument)]
        return "OK done"


class Imap(Store):
    dialogue = ImapDialogue


class PopDialogue(Dialogue):
    def run(self) -> None:
        self.say(b"+OK ready")
        gone: list[int] = []
        while True:
            verb, _space, argument = self.hear().partition(" ")
            if verb == "QUIT":
                if self.store.fault("drop_at_quit"):
                    return
                for number in gone:
                    del self.store.mails[number]
                self.say(b"+OK bye")
                return
            if verb == "DELE":
                gone.append(int(argument))
                self.say(b"+OK")
            elif verb == "STLS":
                self.say(b"+OK")
                self.use(self.store.tls.wrap_socket(self.connection, server_side=True))
            elif verb == "PASS" and self.store.fault("sign_in"):
                self.say(b"-ERR wrong password")
            elif verb in ("USER", "PASS"):
                self.say(b"+OK")
            elif verb == "UIDL":
                self.uidl()
            elif verb == "TOP":
                self.say(b"-ERR what is that?")
            elif verb == "RETR":
                self.retr(int(argument))

    def uidl(self) -> None:
        self.say(b"+OK")
        if self.store.fault("endless_list"):
            self.flood(b"1 a\r\n")
        if self.store.fault("many_listed"):
            self.say(*(b"%d u%d" % (number, number) for number in range(2000)))
        self.say(*(b"%d uid-%d" % (number, number) for number in sorted(self.store.mails)), b".")

    def retr(self, number: int) -> None:
        raw = self.store.mails[number]
        self.say(b"+OK 12 octets")  # a lie, whatever it is
        if self.store.fault("endless_line"):
            self.flood(b"x" * 1000)
        stuffed = re.sub(rb"(?m)^\.", b"..", raw)
        if self.store.fault("drop_in_fetch"):
            self.connection.sendall(stuffed[: len(stuffed) // 2])
            self.connection.close()
            raise EOFError
        self.connection.sendall(stuffed + (b"" if stuffed.endswith(b"\r\n") else b"\r\n") + b".\r\n")


class Pop(Store):
    dialogue = PopDialogue
