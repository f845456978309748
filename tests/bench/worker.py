"""One send process, as Celery's child would be: `python -m tests.bench.worker`. Ends with its stdin.

With `--stages` it then prints its CPU seconds by stage, as JSON.
"""

from __future__ import annotations

import json
import sys
import threading
import time

from tests.bench import place  # noqa: F401 - the environment comes first

import django  # isort: skip

django.setup()

from delivery.sender.thread import SendThread  # noqa: E402
from tests.bench.stages import watch_all  # noqa: E402


def main() -> None:
    stages = watch_all() if "--stages" in sys.argv else None
    before = time.process_time()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    thread = SendThread()
    thread.work(0.1)
    print("ready", flush=True)
    while not ended.is_set():
        if not thread.work(2.0):
            time.sleep(0.02)
    if stages:
        print(json.dumps(stages.spent(since=before)), flush=True)
    thread.close()


if __name__ == "__main__":
    main()
