"""Processes that end with their supervisor, and those that a killed one has left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from config.supervisor.plan import Plan
from config.supervisor.terminal import Terminal

MARK = "SHIRASE_UP"
PR_SET_PDEATHSIG = 1
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
STEADY_SECONDS = 60
LEFT_BEHIND_SECONDS = 10
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Child:
    """A supervised process: started, and started again with growing pauses when it ends by itself."""

    plan: Plan
    mark: str
    terminal: Terminal
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    wait: float = FIRST_WAIT
    due: float = 0.0
    told: bool = field(default=False)

    @property
    def name(self) -> str:
        return self.plan.name

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """From the main thread only: the kernel ends a child with the *thread* that made it (prctl(2))."""
        self.process = subprocess.Popen(
            self.plan.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, MARK: self.mark, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        self.started = time.monotonic()
        if self.process.stdout:
            self.terminal.follow(self.name, self.process.stdout)

    def keep_up(self, now: float) -> None:
        """One look: notes an unexpected end, and starts again when the pause is over."""
        if self.alive():
            return
        if not self.due:
            if now - self.started > STEADY_SECONDS:
                self.wait = FIRST_WAIT
            code = self.process.returncode if self.process else None
            self.terminal.say(self.name, f"ended by itself ({code}); it is started again in {self.wait:.0f} s")
            self.due, self.wait = now + self.wait, min(self.wait * 2, LONGEST_WAIT)
        elif now >= self.due:
            self.due = 0.0
            self.start()

    def tell_to_end(self) -> None:
        if self.process and self.alive() and not self.told:
            self.told = True
            self.process.terminate()

    def kill(self) -> None:
        """The process and all it has started."""
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _end_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def left_behind(mark: str) -> list[int]:
    """Living processes of an earlier supervisor with this mark, as after its kill -9."""
    wanted = f"{MARK}={mark}".encode()
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _has(entry, wanted)]


def _has(process: Path, variable: bytes) -> bool:
    try:
        return variable in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def end_left_behind(mark: str, run_dir: Path, terminal: Terminal) -> None:
    """Asked first, and mails after their final dot get their answer; then killed, which loses nothing either.

    Only the first process of each is asked: Celery's children would end on the spot.
    """
    if not (pids := left_behind(mark)):
        return
    terminal.say("shirase", f"ending {len(pids)} processes that an earlier start left behind")
    for pid in pids:
        _signal(pid, signal.SIGTERM, leaders_only=True)
    deadline = time.monotonic() + LEFT_BEHIND_SECONDS
    while left_behind(mark) and (time.monotonic() < deadline or open_dots(run_dir)):
        time.sleep(0.1)
    for pid in left_behind(mark):
        _signal(pid, signal.SIGKILL)
    while left_behind(mark):
        time.sleep(0.1)


def _signal(pid: int, how: signal.Signals, *, leaders_only: bool = False) -> None:
    with suppress(ProcessLookupError):
        if not leaders_only or os.getsid(pid) == pid:
            os.kill(pid, how)


def open_dots(run_dir: Path) -> int:
    """Mails after their final dot, as the living send processes say in `send-<pid>.open`."""
    total = 0
    for file in run_dir.glob("send-*.open"):
        pid = file.name.removeprefix("send-").removesuffix(".open")
        text = ""
        with suppress(FileNotFoundError):  # a worker that ends removes its own
            text = file.read_text().strip() if Path(f"/proc/{pid}").exists() else ""
        total += int(text) if text.isdigit() else 0
    return total
