"""Beat's timetable: what the code says, written to the database at each start; what the code dropped is removed."""

from __future__ import annotations

from typing import Any

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler


class Schedule(DatabaseScheduler):  # type: ignore[misc]
    def setup_schedule(self) -> None:
        """No other timetable exists: an entry that the code does not name is a leftover of an older release."""
        PeriodicTask.objects.exclude(name__in=self.app.conf.beat_schedule).delete()
        self.update_from_dict(self.app.conf.beat_schedule)

    def install_default_entries(self, _data: dict[str, Any]) -> None:
        """Celery's own entry cleans a result backend, which we do not have."""
