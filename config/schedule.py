"""Beat's timetable: what the code says, written to the database at each start; what the code dropped is removed."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

STEP = 1.0  # seconds; a wall clock that goes back by less is waited for


class Entry(ModelEntry):  # type: ignore[misc]
    last_run_at: dt.datetime

    def is_due(self) -> Any:
        """What ran in the future ran before the clock was put back, here or where it was written down."""
        self.last_run_at = min(self.last_run_at, self._default_now())
        return super().is_due()


class Schedule(DatabaseScheduler):  # type: ignore[misc]
    """A wall clock that is put back by an hour would else be an hour in which nothing is done."""

    Entry = Entry
    _latest = 0.0

    def tick(self, *arguments: Any, **named: Any) -> float:
        now = time.time()
        if now < self._latest - STEP:
            self._heap = None  # its times are those of the old clock
        self._latest = now
        return float(super().tick(*arguments, **named))

    def setup_schedule(self) -> None:
        """No other timetable exists: an entry that the code does not name is a leftover of an older release."""
        PeriodicTask.objects.exclude(name__in=self.app.conf.beat_schedule).delete()
        self.update_from_dict(self.app.conf.beat_schedule)

    def install_default_entries(self, _data: dict[str, Any]) -> None:
        """Celery's own entry cleans a result backend, which we do not have."""
