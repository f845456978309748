"""A scripted SMTP receiver in a process of its own: for tests, benchmarks and kill tests.

    with Receiver.start({"rcpt": {"gone.*": "550 5.1.1 No such user"}}) as receiver:
        ...send to receiver.host, receiver.port...
        assert [a.rcpt for a in receiver.ledger()] == [...]

A script is a dict, all of it optional:

* `banner, ehlo, helo, mail, data, auth, starttls`: an answer, or a list of answers used one after
  the other (then the normal one).
* `rcpt, dot`: {regular expression over the whole local part of the recipient: answer or list};
  a list is used up per recipient, then the recipient is accepted. `"*"` is a plain string or list
  for everybody.
* `allow`: {"rate", "window", "counted", "answers"}: more than rate × window messages within `window` seconds, counted
  in the phase `counted`, get the answers by phase (banner, ehlo, mail, rcpt).
* `extensions`: instead of PIPELINING, 8BITMIME, SMTPUTF8, ENHANCEDSTATUSCODES; `size`: adds SIZE.
* `tls`: "starttls" or "implicit", with `cert` (a PEM file with key and chain).
  (`newest_tls`: "1.1"; `inject`: bytes written in clear right behind the 220.)
* `users`: {name: password}, `mechanisms`: ["PLAIN", "LOGIN", "CRAM-MD5"], `offered` if it differs.
* `eager_data`: say 354 to DATA even without a recipient.
* `store`: keep messages, `fsync`, `check` lines: all true by default; `quiet`: note no commands; `name`.
  Benchmarks: {"store": False, "fsync": False, "check": False, "quiet": True}.

An answer is a reply ("450 4.7.1 later"; "250-a\\r\\n250 b") or one of
`DROP` (close without a word), `RST` (reset the connection), `SILENT` (never answer), `EOF` (the same, and our
side of the connection is closed),
`ACCEPT DROP` (at the dot: write the ledger, then close), `CLOSE <reply>` (answer, then close),
`STALL <reply>` (answer, and read nothing more), `WAIT <seconds> <answer>`,
`SLOW <seconds> <reply>` (one octet each so many seconds),
`RAW <bytes>` (exactly these, with \\r\\n escapes, and nothing else), `FLOOD <times> <bytes>`.

The ledger has one line per acceptance, fsynced (for all that wait at once) before the 250.
"""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from tests.servers.judge import Judge
from tests.servers.stage import Script, Stage

__all__ = ["MIXED", "Acceptance", "Received", "Receiver", "Script"]

_ROOT = Path(__file__).resolve().parent.parent.parent

MIXED: Script = {
    "ehlo": ["421 4.3.2 Too busy, try again later"],
    "rcpt": {
        "greylist.*": ["450 4.2.0 Greylisted, please come back"],
        "later.*": ["451 4.3.0 Temporary failure"],
        "gone.*": "550 5.1.1 No such user here",
        "full.*": "552 5.2.2 Mailbox full",
    },
    "dot": {"policy.*": "554 5.7.1 Message refused", "drop.*": "ACCEPT DROP", "vanish.*": "DROP"},
}  # the mixed outcomes of a campaign, by the recipient's local part


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One line of the ledger."""

    time: float
    token: str  # of X-Shirase-Ref, else of the return path
    rcpt: str
    mail_from: str


@dataclass(frozen=True, slots=True)
class Received:
    """One stored message."""

    mail_from: str
    rcpt: str
    data: bytes  # dots unstuffed


class Receiver:
    """The test's end: starts the process, reads what it wrote."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, host: str, port: int) -> None:
        self._process, self.folder = process, folder
        self.host, self.port = host, port

    @classmethod
    def start(
        cls, script: Script | None = None, *, folder: Path | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> Receiver:
        """Start one. With a `folder` of an earlier one its ledger goes on."""
        folder = folder or Path(tempfile.mkdtemp(prefix="receiver-"))
        (folder / "script.json").write_text(json.dumps(script or {}))
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.receiver", str(folder), host, str(port)],
            cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout
        return cls(process, folder, host, int(json.loads(process.stdout.readline())["port"]))

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process; ledger and messages stay readable."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def answer(self, **script: Any) -> None:
        """Change parts of the script from now on: receiver.answer(rcpt={"gone": "550 5.1.1 no"}). Lists begin anew."""
        self._ask({"script": script})

    def stats(self) -> dict[str, Any]:
        """connections (open, most_open), peers (their addresses), accepted, commands (count by verb), lines (the newest
        commands), violations; played: scripted answers to nobody in particular, each [phase, answer, how many had been
        accepted by then]; turned_away: answers of `allow`."""
        return self._ask({"stats": True})

    def violations(self) -> list[str]:
        """Lines over 998 octets, bare CR or LF, over-long commands, in words."""
        return list(self.stats()["violations"])

    def ledger(self) -> list[Acceptance]:
        """Every acceptance, in order."""
        path = self.folder / "ledger.tsv"
        lines = path.read_text().splitlines() if path.exists() else []
        return [Acceptance(float(t), *rest) for t, *rest in (line.split("\t") for line in lines)]

    def messages(self) -> list[Received]:
        """Every stored message, in order."""
        path = self.folder / "messages"
        return list(_messages(path.read_bytes())) if path.exists() else []

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def _messages(spool: bytes) -> Iterator[Received]:
    at = 0
    while at < len(spool):
        head, octets = struct.unpack_from("!II", spool, at)
        mail_from, rcpt = json.loads(spool[at + 8 : at + 8 + head])
        yield Received(mail_from, rcpt, spool[at + 8 + head : at + 8 + head + octets])
        at += 8 + head + octets


# The server process.


async def _serve(folder: Path, host: str, port: int) -> None:
    stage = Stage(folder)
    loop = asyncio.get_running_loop()
    context = stage.tls() if stage.script.get("tls") == "implicit" else None
    server = await loop.create_server(lambda: Judge(stage), host, port, ssl=context, backlog=512)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    while line := await stdin.readline():
        question = json.loads(line)
        if "script" in question:
            stage.change(question["script"])
        print(json.dumps(stage.stats()), flush=True)


def main() -> None:
    """python -m tests.servers.receiver FOLDER HOST PORT: ends when its stdin does."""
    uvloop.run(_serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))


if __name__ == "__main__":
    main()
