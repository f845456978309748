"""When campaigns of the workspace pause themselves, by HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from django.forms import model_to_dict
from ninja import Schema
from pydantic import Field

from accounts.api import ApiRequest, Body, Key, Resource, example
from accounts.api_keys import Scope
from accounts.problems import of_form
from delivery import brakes
from delivery.forms import BrakesForm

router = Resource(tags=["Brakes"])

UnknownUsers = Annotated[
    float | None, Field(description="Percent of the newest tries: the address does not exist. null: never pause for it")
]
Blocks = Annotated[
    float | None, Field(description="Percent of the newest tries: refused because of the sender or the letter")
]
Complaints = Annotated[float | None, Field(description="Percent of those delivered: reported as spam")]
Stops = Annotated[
    float | None,
    Field(
        description="Percent of the people tried in the last 7 days: above it, and 50 an hour, no more addresses are "
        "stopped for bounces until somebody has looked"
    ),
]


class BrakesChange(Body):
    """Percent, 0.01 to 100. What is left out stays as it is."""

    model_config = example(unknown_users=5, complaints=0.1)

    unknown_users: UnknownUsers = None
    blocks: Blocks = None
    complaints: Complaints = None
    stops: Stops = None


class BrakesOut(Schema):
    unknown_users: UnknownUsers
    blocks: Blocks
    complaints: Complaints
    stops: Stops


@router.get("", auth=Key(Scope.READ), response=BrakesOut)
def get_brakes(request: ApiRequest) -> Any:
    """Above which percentages a campaign pauses itself."""
    return brakes.of(request.workspace)


@router.patch("", auth=Key(Scope.SETTINGS), response=BrakesOut)
def change_brakes(request: ApiRequest, given: BrakesChange) -> Any:
    """It holds at once, also for campaigns under way."""
    set_to = brakes.of(request.workspace)
    stored = model_to_dict(set_to, fields=BrakesForm.Meta.fields)
    form = BrakesForm(stored | given.model_dump(exclude_unset=True), instance=set_to)
    if not form.is_valid():
        raise of_form(form)
    brakes.save(form, actor=request)
    return brakes.of(request.workspace)
