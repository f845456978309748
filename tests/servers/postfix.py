"""A real Postfix of Debian's, with a configuration of its own: STARTTLS, AUTH, mailboxes for whoever is written to."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

USER, PASSWORD, REALM = "shirase", "tea & 茶 42", "mail.test"
START_SECONDS = 30
DOMAINS = ("one.test", "two.test")
BOXES = 200  # p0@one.test …, in each domain


def missing() -> str:
    """Why no Postfix can be had here; "" if it can."""
    if os.geteuid():
        return "Postfix starts as root only"
    names = [name for name in ("postfix", "saslpasswd2") if not shutil.which(name, path="/usr/sbin:/usr/bin")]
    return f"not installed: {', '.join(names)} (Debian's postfix, sasl2-bin, libsasl2-modules)" if names else ""


@dataclass(frozen=True)
class Postfix:
    port: int
    ca_file: Path
    mailboxes: Path
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")[-4000:] if self.log_file.exists() else ""

    def mails(self) -> dict[str, list[bytes]]:
        """What lies in each mailbox, by address."""
        found: dict[str, list[bytes]] = {}
        for file in self.mailboxes.glob("*/*/new/*"):
            found.setdefault(f"{file.parts[-3]}@{file.parts[-4]}", []).append(file.read_bytes())
        return found


MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
myhostname = {realm}
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
# Nothing leaves but to the domains of `running(relays)`: other bounces are dropped.
default_transport = discard
transport_maps = texthash:{folder}/etc/transport
# Who is not known is accepted from us and bounced later, as a smarthost does.
smtpd_reject_unlisted_recipient = no
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
delay_warning_time = 1s
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/etc/mailboxes
virtual_minimum_uid = 100
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = {folder}/etc/server.pem
smtpd_tls_key_file = {folder}/etc/server.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {folder}/etc/sasl
smtpd_sasl_local_domain = {realm}
smtpd_sasl_security_options = noanonymous
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
message_size_limit = 10240000
"""
SASL = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/etc/sasldb2
mech_list: PLAIN LOGIN CRAM-MD5
"""
# Debian's master.cf, without the chroot and with our port.
MASTER = """
{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
"""


@contextmanager
def running(folder: Path, relays: Mapping[str, int] | None = None) -> Iterator[Postfix]:
    """Started with everything in `folder`, which must be reachable for Postfix's own users.

    `relays`: domains whose mail goes on to a port of this machine.
    """
    port = free_port()
    _write(folder, port, relays or {})
    _postfix(folder, "start")
    try:
        _wait(port)
        yield Postfix(port, folder / "etc" / "ca.pem", folder / "mail", folder / "log" / "mail.log")
    finally:
        _postfix(folder, "stop")


def _write(folder: Path, port: int, relays: Mapping[str, int]) -> None:
    for name in ("etc/sasl", "queue", "data", "log", "mail"):
        (folder / name).mkdir(parents=True)
    shutil.chown(folder / "data", "postfix")
    for name in DOMAINS:
        (folder / "mail" / name).mkdir()
        os.chown(folder / "mail" / name, 65534, 65534)
    values = {"folder": folder, "port": port, "realm": REALM, "domains": " ".join(DOMAINS)}
    etc = folder / "etc"
    (etc / "main.cf").write_text(MAIN.format(**values))
    (etc / "master.cf").write_text(MASTER.format(**values))
    routes = (f"{domain} smtp:[127.0.0.1]:{to}\n" for domain, to in relays.items())
    (etc / "transport").write_text("".join(routes))
    (etc / "sasl" / "smtpd.conf").write_text(SASL.format(**values))
    # virtual(8) refuses patterns that put names together.
    boxes = (f"p{n}@{domain} {domain}/p{n}/\n" for domain in DOMAINS for n in range(BOXES))
    (etc / "mailboxes").write_text("".join(boxes))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(etc / "ca.pem")
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(etc / "server.pem")
    (etc / "server.pem").chmod(0o600)
    subprocess.run(
        ["/usr/sbin/saslpasswd2", "-p", "-c", "-u", REALM, "-f", str(etc / "sasldb2"), USER],
        input=PASSWORD.encode(),
        check=True,
    )
    shutil.chown(etc / "sasldb2", "postfix")


def _postfix(folder: Path, verb: str) -> None:
    done = subprocess.run(
        ["/usr/sbin/postfix", "-c", str(folder / "etc"), verb],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MAIL_CONFIG": str(folder / "etc")},
    )
    log = folder / "log" / "mail.log"
    assert done.returncode == 0, f"postfix {verb}: {done.stderr}\n{log.read_text() if log.exists() else ''}"


def _wait(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
                assert connection.recv(100).startswith(b"220")
                return
        except (OSError, AssertionError):
            assert time.monotonic() < deadline, "Postfix did not answer"
            time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
