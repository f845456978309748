"""Limits by HTTP: the six figures of a route, of a provider over it, of a sending domain."""

from __future__ import annotations

from typing import Annotated

from django.forms import model_to_dict
from ninja import Schema
from pydantic import Field

from accounts.api import Body, example
from accounts.problems import of_form
from delivery.forms import LimitForm
from delivery.models import Limit

FIGURES = LimitForm.Meta.fields
IN_BODY = {name: f"limits.{name}" for name in FIGURES}


class LimitsIn(Body):
    """null: no limit. What is left out of a change stays as it is."""

    model_config = example(per_second=10, per_hour=20000, connections=4)

    per_second: float | None = Field(default=None, description="Messages per second, more than 0")
    per_minute: float | None = Field(default=None, description="Messages per minute")
    per_hour: int | None = Field(default=None, description="Messages per hour")
    per_day: int | None = Field(default=None, description="Messages in 24 hours")
    connections: int | None = Field(default=None, description="Connections at once")
    per_connection: int | None = Field(default=None, description="Messages before a connection is made anew")


class LimitsOut(Schema):
    """null: no limit."""

    per_second: float | None
    per_minute: float | None
    per_hour: int | None
    per_day: int | None
    connections: int | None
    per_connection: int | None


class LimitsChange(Body):
    model_config = example(limits={"per_second": 10, "per_hour": 20000})

    limits: Annotated[LimitsIn, Field(description="Shared by all workers; it holds within half a minute")]


def limit_form(limit: Limit, given: LimitsIn) -> LimitForm:
    """What the page would send. Raises Problem naming the figure."""
    stored = model_to_dict(limit, fields=FIGURES)
    form = LimitForm(stored | given.model_dump(exclude_unset=True), instance=limit)
    if not form.is_valid():
        raise of_form(form, IN_BODY)
    return form
