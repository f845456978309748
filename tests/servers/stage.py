"""What all conversations of a receiver share: the script that it plays, and what has been seen."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

from tests.servers.ledger import Ledger

Script = dict[str, Any]


class Stage:
    """What all conversations share: the script and what has been seen."""

    def __init__(self, folder: Path) -> None:
        self.script: Script = json.loads((folder / "script.json").read_text())
        self.ledger = Ledger(folder, fsync=self.script.get("fsync", True), store=self.script.get("store", True))
        self.used: Counter[tuple[str, str]] = Counter()
        self.commands: Counter[str] = Counter()
        self.lines: list[str] = []
        self.played: list[tuple[str, str, int]] = []
        self.violations: list[str] = []
        self.let_in: deque[float] = deque()
        self.turned_away = 0
        self.connections = self.accepted = self.open = self.most_open = 0
        self.peers: set[str] = set()

    def change(self, script: Script) -> None:
        """These parts are new: of their lists nothing is used up."""
        self.script.update(script)
        for phase, who in [key for key in self.used if key[0] in script]:
            del self.used[phase, who]

    def scripted(self, phase: str, who: str = "") -> str | None:
        """The answer the script has here, or None for the normal one."""
        rules = self.script.get(phase)
        if isinstance(rules, dict):
            local = who.rpartition("@")[0]
            rules = next((rule for key, rule in rules.items() if key == "*" or re.fullmatch(key, local)), None)
        if isinstance(rules, list):
            nth = self.used[phase, who]
            self.used[phase, who] += 1
            rules = rules[nth] if nth < len(rules) else None
        if rules is not None and not who and len(self.played) < 100:
            self.played.append((phase, rules, self.accepted))
        return rules

    def over(self, phase: str) -> str | None:
        """The answer to whoever is faster than is allowed, asked for in this phase; else this one is let in."""
        allow = self.script.get("allow")
        if not allow or phase not in allow["answers"]:
            return None
        now = time.monotonic()
        while self.let_in and self.let_in[0] <= now - allow["window"]:
            self.let_in.popleft()
        if len(self.let_in) >= allow["rate"] * allow["window"]:
            self.turned_away += 1
            answer: str = allow["answers"][phase]
            return answer
        if phase == allow["counted"]:
            self.let_in.append(now)
        return None

    def violation(self, text: str) -> None:
        if len(self.violations) < 100:
            self.violations.append(text)

    def tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.script["cert"])
        if self.script.get("newest_tls") == "1.1":
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context

    def stats(self) -> dict[str, Any]:
        return {
            "connections": self.connections, "open": self.open, "most_open": self.most_open,
            "accepted": self.accepted, "commands": dict(self.commands), "lines": self.lines[-500:],
            "peers": sorted(self.peers), "played": self.played, "violations": self.violations,
            "turned_away": self.turned_away,
        }  # fmt: skip
