"""What generated tests need: an object of a workspace for every URL parameter.

An app adds its own from a module `tests/<app>/factories.py`, which is found by its name:

    @factory("campaign", "campaigns:*.pk")
    def campaign(workspace: Workspace) -> Campaign: ...

The key is a URL parameter, or `<url name>.<parameter>` where the parameter says too little; `*` stands for anything,
and what was registered first wins. The value that goes into the address is the object's primary key, or the object
itself when it is a str or int.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from accounts.models import Membership, Role, User, Workspace

Make = Callable[[Workspace], Any]
F = TypeVar("F", bound=Make)

FACTORIES: dict[str, Make] = {}
# Pages that are open to signed-out people, or to everyone who is signed in. All others must say `@requires`.
OPEN: set[str] = set()
# Pages whose address names something of the product itself, which no workspace owns.
OWNERLESS: set[str] = set()

_counter = itertools.count(1)


def factory(*keys: str) -> Callable[[F], F]:
    def register(make: F) -> F:
        FACTORIES.update(dict.fromkeys(keys, make))
        return make

    return register


def open_to_all(*names: str) -> None:
    OPEN.update(names)


def of_no_workspace(*names: str) -> None:
    OWNERLESS.update(names)


def load() -> None:
    """Import every app's factories."""
    for path in sorted(Path(__file__).parent.glob("*/factories.py")):
        importlib.import_module(f"tests.{path.parent.name}.factories")


def value_for(name: str, parameter: str, workspace: Workspace) -> str | int:
    """Make an object of the workspace and return what stands for it in the address."""
    full = f"{name}.{parameter}"
    make = next((made for key, made in FACTORIES.items() if key == parameter or fnmatchcase(full, key)), None)
    assert make, f"no factory for the parameter {parameter!r} of {name!r}: add one to tests/<app>/factories.py"
    made = make(workspace)
    return made if isinstance(made, str | int) else made.pk


def make_workspace(name: str = "Minori Tea", **fields: Any) -> Workspace:
    return Workspace.objects.create(name=name, **fields)


def make_user(email: str = "", **fields: Any) -> User:
    """Without a password, since hashing one takes a while."""
    fields.setdefault("name", "Keiko Mori")
    return User.objects.create_user(email or f"person{next(_counter)}@minori.example", **fields)


def make_member(workspace: Workspace, role: Role = Role.ADMIN, **fields: Any) -> User:
    user = make_user(**fields)
    Membership.objects.create(workspace=workspace, user=user, role=role)
    return user
