"""A Valkey that forgets everything when it is killed: it only wakes workers."""

from __future__ import annotations

import subprocess

from redis import Redis

from config.embedded import valkey
from tests.faults import place
from tests.faults.workers import wait_for


class Broker:
    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        place.BROKER_SOCKET.unlink(missing_ok=True)
        command = [
            str(valkey.find_binary()), "--port", "0", "--unixsocket", str(place.BROKER_SOCKET), "--save", "",
            "--dir", str(place.FOLDER),
        ]  # fmt: skip
        with (place.FOLDER / "valkey.log").open("a") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(place.BROKER_SOCKET.exists, seconds=10)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def flush(self) -> None:
        """All that waits in it, or was given to a worker, is gone."""
        with Redis(unix_socket_path=str(place.BROKER_SOCKET)) as client:
            client.flushall()
