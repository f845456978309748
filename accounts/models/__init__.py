"""Who works here: people, workspaces, roles, keys; and what every app needs of them."""

from accounts.models.api_key import ApiKey
from accounts.models.audit import AuditEntry
from accounts.models.idempotency import IdempotencyKey
from accounts.models.job import Job, JobState
from accounts.models.notice import Notice
from accounts.models.owned import WorkspaceOwned, WorkspaceQuerySet
from accounts.models.user import Language, Theme, User
from accounts.models.workspace import Invitation, Membership, Workspace
from accounts.roles import Role

__all__ = [
    "ApiKey",
    "AuditEntry",
    "IdempotencyKey",
    "Invitation",
    "Job",
    "JobState",
    "Language",
    "Membership",
    "Notice",
    "Role",
    "Theme",
    "User",
    "Workspace",
    "WorkspaceOwned",
    "WorkspaceQuerySet",
]
