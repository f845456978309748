"""What others reach on the same machine: postfix's smtp-source against its smtp-sink, and openssl."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

SESSIONS = 10
OCTETS = 15_000
PACKAGES = {"smtp-source": "postfix", "smtp-sink": "postfix", "openssl": "openssl"}


def find(program: str) -> str:
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise FileNotFoundError(program)
    return found


def install_missing() -> None:
    """As root the Debian packages are installed; anybody else is told which are missing, and the run ends."""
    missing = sorted({package for program, package in PACKAGES.items() if not _there(program)})
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(f"make bench needs these Debian packages: apt-get install {' '.join(missing)}")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], env=quiet, check=True)


def _there(program: str) -> bool:
    try:
        find(program)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def sink(*, pipelining: bool = True) -> Iterator[int]:
    """smtp-sink on a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    without = [] if pipelining else ["-p"]
    command = [find("smtp-sink"), *user, *without, f"127.0.0.1:{port}", "200"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _until_open(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _until_open(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("smtp-sink does not listen")


def smtp_source(messages: int) -> float:
    """Messages a second of smtp-source over ten persistent sessions."""
    with sink() as port:
        return smtp_source_to(port, messages, SESSIONS)


def smtp_source_to(port: int, messages: int, sessions: int) -> float:
    command = [
        find("smtp-source"), "-d", "-s", str(sessions), "-m", str(messages), "-l", str(OCTETS),
        "-f", "sender@example.com", "-t", "reader@example.net", f"127.0.0.1:{port}",
    ]  # fmt: skip
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return messages / (time.monotonic() - began)


def openssl_rsa2048(seconds: int) -> float:
    """Signatures a second of RSA 2048 on all cores."""
    command = [find("openssl"), "speed", "-multi", str(os.cpu_count() or 1), "-seconds", str(seconds), "rsa2048"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"rsa 2048 bits\s+\S+\s+\S+\s+([\d.]+)", output)
    if found is None:
        sys.exit(f"openssl speed printed nothing known:\n{output}")
    return float(found[1])
