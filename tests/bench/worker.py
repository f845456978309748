"""One send process, as Celery's child would be: `python -m tests.bench.worker`. Ends with its stdin."""

from __future__ import annotations

import sys
import threading
import time

from tests.bench import place  # noqa: F401 - the environment comes first

import django  # isort: skip

django.setup()

from delivery.sender.thread import SendThread  # noqa: E402


def main() -> None:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    thread = SendThread()
    thread.work(0.1)
    print("ready", flush=True)
    while not ended.is_set():
        if not thread.work(2.0):
            time.sleep(0.02)
    thread.close()


if __name__ == "__main__":
    main()
