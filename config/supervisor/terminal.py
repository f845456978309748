"""One terminal for all: every line begins with the name of the process that said it."""

from __future__ import annotations

import sys
import threading
from typing import IO

COLOURS = {"database": 34, "broker": 35, "web": 32, "send": 36, "work": 33, "beat": 90, "sandbox": 95, "shirase": 1}
WIDTH = max(map(len, COLOURS))


class Terminal:
    def __init__(self, stream: IO[str], *, colours: bool) -> None:
        self._stream = stream
        self._colours = colours
        self._lock = threading.Lock()

    def say(self, name: str, text: str) -> None:
        prefix = f"{name:<{WIDTH}} │"
        if self._colours:
            prefix = f"\x1b[{COLOURS.get(name, 0)}m{prefix}\x1b[0m"
        with self._lock:
            # The terminal may be gone (closed window, ended pipe); the processes go on and end in their order.
            try:
                print(prefix, text, file=self._stream, flush=True)
            except (OSError, ValueError):
                self._stream = open("/dev/null", "w")  # noqa: SIM115, PTH123 - for the rest of this process' life

    def follow(self, name: str, stream: IO[bytes]) -> None:
        """Repeats what a process says, in a thread of its own, until it says no more."""
        threading.Thread(target=self._repeat, args=(name, stream), name=f"log of {name}", daemon=True).start()

    def _repeat(self, name: str, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                if text := line.decode("utf-8", "replace").rstrip():
                    self.say(name, text)


def for_stdout(*, no_colour: bool) -> Terminal:
    return Terminal(sys.stdout, colours=sys.stdout.isatty() and not no_colour)
