"""A real Dovecot of Debian's, with a configuration of its own: IMAP and POP3, in clear, by STARTTLS and by TLS, over
mailboxes (Maildir) that tests fill and look at as files."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.servers.postfix import free_port

PASSWORD = "tea & pässword 茶"
START_SECONDS = 30
NOBODY = 65534
SECONDS = itertools.count(1_700_000_000)  # of names: Dovecot gives UIDs in their order
PROGRAMS = {"imap": "dovecot-imapd", "pop3": "dovecot-pop3d"}


def missing() -> str:
    """Why no Dovecot can be had here; "" if it can."""
    if os.geteuid():
        return "Dovecot starts as root only"
    names = [package for name, package in PROGRAMS.items() if not Path("/usr/lib/dovecot", name).exists()]
    return f"not installed: Debian's {' and '.join(names)}" if names else ""


@dataclass(frozen=True)
class Box:
    """A user's mailbox: a file a mail."""

    user: str
    folder: Path

    def put(self, mails: Iterable[bytes], *, name: str = "") -> None:
        """Delivered as new mail, into the folder `name` (as it is coded on disk)."""
        new = self.folder / f".{name}" / "new" if name else self.folder / "new"
        for within in (new.parent, new, new.parent / "cur", new.parent / "tmp"):
            within.mkdir(parents=True, exist_ok=True)
            os.chown(within, NOBODY, NOBODY)
        for mail in mails:
            file = new / f"{next(SECONDS)}.M1P1.test"
            file.write_bytes(mail)
            os.chown(file, NOBODY, NOBODY)

    def files(self, name: str = "") -> list[Path]:
        within = self.folder / f".{name}" if name else self.folder
        found = [*within.glob("cur/*"), *within.glob("new/*")]
        return sorted(found, key=lambda file: file.name)

    def flags(self) -> set[str]:
        """Of all mails in the inbox together, as Maildir has them: S for read, T for deleted, …"""
        return set("".join(file.name.partition(":2,")[2] for file in self.files()))


@dataclass(frozen=True)
class Dovecot:
    folder: Path
    ports: dict[str, int]  # imap, imaps, pop3, pop3s
    ca_file: Path

    def box(self, user: str) -> Box:
        return Box(user, self.folder / "mail" / user)

    def admin(self, *words: str) -> None:
        subprocess.run(["/usr/bin/doveadm", "-c", str(self.folder / "dovecot.conf"), *words], check=True, timeout=30)

    def kill(self, program: str) -> int:
        """-9 to all of this server's processes of that name. How many there were."""
        master = int((self.folder / "run" / "master.pid").read_text())
        killed = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                name, _paren, rest = stat.read_text().partition("(")[2].rpartition(")")
                if name == program and int(rest.split()[1]) == master:
                    os.kill(int(stat.parent.name), signal.SIGKILL)
                    killed += 1
        return killed

    @property
    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text(errors="replace")[-4000:] if file.exists() else ""


CONFIG = """
protocols = imap pop3
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
instance_name = {folder.name}
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
service imap-login {{
  inet_listener imap {{
    port = {ports[imap]}
  }}
  inet_listener imaps {{
    port = {ports[imaps]}
    ssl = yes
  }}
}}
# Or who was once wrong waits longer.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {ports[pop3]}
  }}
  inet_listener pop3s {{
    port = {ports[pop3s]}
    ssl = yes
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=anybody {folder}/users
}}
userdb {{
  driver = static
  args = uid={nobody} gid={nobody} home={folder}/home/%u
}}
"""


@contextmanager
def running(folder: Path) -> Iterator[Dovecot]:
    """Started with everything in `folder`, which must be reachable for Dovecot's own users."""
    ports = {name: free_port() for name in ("imap", "imaps", "pop3", "pop3s")}
    server = Dovecot(folder, ports, folder / "ca.pem")
    _write(server)
    with subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", str(folder / "dovecot.conf")]) as process:
        try:
            for port in ports.values():
                _wait(port, server)
            yield server
        finally:
            process.terminate()


def _write(server: Dovecot) -> None:
    folder = server.folder
    for name in ("mail", "home"):
        (folder / name).mkdir()
        shutil.chown(folder / name, NOBODY, NOBODY)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(server.ca_file)
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    text = CONFIG.format(folder=folder, ports=server.ports, nobody=NOBODY)
    (folder / "users").write_text(f"anybody:{PASSWORD}\n")
    (folder / "dovecot.conf").write_text(text)


def _wait(port: int, server: Dovecot) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"Dovecot did not answer: {server.log}"
            time.sleep(0.05)
