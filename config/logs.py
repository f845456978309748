"""One way to log: structlog over the standard library; a readable line in a terminal, JSON in production."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(level: str, *, readable: bool) -> None:
    """Sets up both; safe to call twice. A terminal that the supervisor prefixes needs neither time nor colours."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=SHARED, processors=_last_steps(readable=readable))
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Celery tells of every tick, which is every second.
    for talkative in ("axes", "asyncio", "kombu", "amqp", "celery.worker.strategy", "celery.app.trace", "celery.beat"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    # A HEAD answered as its GET would be: gunicorn drops the body, as it should.
    logging.getLogger("gunicorn.http.wsgi").setLevel(logging.ERROR)
    # Every scanner of the internet asks under a wrong name and gets its 400: no news, and no traceback.
    logging.getLogger("django.security.DisallowedHost").setLevel(logging.CRITICAL)


def _last_steps(*, readable: bool) -> list[Processor]:
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if readable:
        # Plain tracebacks: the pretty ones print every local variable, passwords among them.
        console = structlog.dev.ConsoleRenderer(
            colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
        return [remove_meta, _without_time, console]
    return [remove_meta, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _without_time(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event.pop("timestamp", None)
    return event
