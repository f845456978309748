"""The first run: the first admin, then the first workspace. Afterwards both refuse."""

from __future__ import annotations

import enum
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Membership, Role, User, Workspace

SETUP_LOCK = 0x5E7_0001  # an arbitrary number that only set-up locks
ENOUGH_DISK = 20 * 10**9
LITTLE_DISK = 10**9


class AlreadySetUp(Exception):
    """Somebody finished this step before."""


@dataclass(frozen=True)
class NewWorkspace:
    """What other apps need to furnish a workspace that was just made."""

    workspace: Workspace
    by: User
    sample_data: bool  # load the sample people and the sample campaign


Hook = Callable[[NewWorkspace], None]
_hooks: list[Hook] = []


def on_workspace_created(hook: Hook) -> Hook:
    """Called, in the order of registering (an AppConfig's `ready`), in the transaction that makes a workspace."""
    if hook not in _hooks:
        _hooks.append(hook)
    return hook


class Health(enum.StrEnum):
    """How a part of the server is."""

    FINE = "fine"
    LOOK = "look"  # works, but may not for long
    STOP = "stop"  # nothing can be sent like this


@dataclass(frozen=True)
class Check:
    name: str
    health: Health
    words: str  # what was measured, and the command that mends it


_checks: list[Callable[[], Check]] = []


def add_check(check: Callable[[], Check]) -> Callable[[], Check]:
    """Another row of "This server" on the set-up page."""
    if check not in _checks:
        _checks.append(check)
    return check


def checks() -> list[Check]:
    return [check() for check in (_database, *_checks, _disk)]


def _database() -> Check:
    start = time.perf_counter()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return Check(_("Database"), Health.STOP, str(error))
    took = max(1, round((time.perf_counter() - start) * 1000))
    return Check(_("Database"), Health.FINE, _("PostgreSQL answers in %(ms)d ms") % {"ms": took})


def _disk() -> Check:
    free = shutil.disk_usage(settings.VAR if settings.VAR.exists() else settings.BASE_DIR).free
    words = {"gb": f"{free / 10**9:.1f}"}
    if free < LITTLE_DISK:
        return Check(_("Storage"), Health.STOP, _("%(gb)s GB free. Make room before you send.") % words)
    if free < ENOUGH_DISK:
        return Check(_("Storage"), Health.LOOK, _("%(gb)s GB free. Enough to start, 20 GB is better.") % words)
    return Check(_("Storage"), Health.FINE, _("%(gb)s GB free") % words)


def needs_owner() -> bool:
    return not User.objects.exists()


def needs_workspace() -> bool:
    return not Workspace.objects.exists()


@transaction.atomic
def create_owner(*, name: str, email: str, password: str, language: str) -> User:
    """The first person, who also administers the install. Raises AlreadySetUp."""
    _one_at_a_time()
    if not needs_owner():
        raise AlreadySetUp
    user = User.objects.create_user(email, password, name=name, language=language, is_install_admin=True)
    audit.record(user, None, "install.set_up", user)
    return user


@transaction.atomic
def create_first_workspace(workspace: Workspace, *, by: User, sample_data: bool) -> Workspace:
    """The workspace of the first run. Raises AlreadySetUp."""
    _one_at_a_time()
    if not needs_workspace():
        raise AlreadySetUp
    return create_workspace(workspace, by=by, sample_data=sample_data)


@transaction.atomic
def create_workspace(workspace: Workspace, *, by: User, sample_data: bool = False) -> Workspace:
    """Save it, make `by` its admin, and let every app furnish it."""
    workspace.save()
    Membership.objects.create(workspace=workspace, user=by, role=Role.ADMIN)
    audit.record(by, workspace, "workspace.created", workspace)
    for hook in _hooks:
        hook(NewWorkspace(workspace, by, sample_data))
    return workspace


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SETUP_LOCK])
