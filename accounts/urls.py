from __future__ import annotations

from allauth.account import views as allauth
from django.urls import URLPattern, URLResolver, include, path, re_path

from accounts.views import entrance, jobs, keys, log, notices, preferences, profile, setup, team, workspaces

pages = [
    path("setup", setup.setup, name="setup"),
    path("join/<str:token>", entrance.join, name="join"),
    path("preferences", preferences.preferences, name="preferences"),
    path("profile", profile.profile, name="profile"),
    path("profile/password", profile.password, name="password"),
    path("workspaces", workspaces.workspaces, name="workspaces"),
    path("workspaces/new", workspaces.new, name="workspace_new"),
    path("workspaces/switch", workspaces.switch, name="switch_workspace"),
    path("settings", workspaces.settings, name="settings"),
    path("settings/team", team.team, name="team"),
    path("settings/team/<int:member>/role", team.role, name="member_role"),
    path("settings/team/<int:member>/remove", team.remove, name="member_remove"),
    path("settings/team/invitations/<int:invitation>/revoke", team.revoke, name="invitation_revoke"),
    path("settings/api-keys", keys.keys, name="api_keys"),
    path("settings/api-keys/<int:api_key>/revoke", keys.revoke, name="api_key_revoke"),
    path("settings/audit", log.log, name="audit"),
    path("notices", notices.notices, name="notices"),
    path("notices/read", notices.read_all, name="notices_read"),
    path("notices/<int:notice>", notices.follow, name="notice"),
    path("jobs/<int:job>", jobs.job, name="job"),
    path("jobs/<int:job>/cancel", jobs.cancel, name="job_cancel"),
]

# allauth looks its pages up by these names.
sign_in = [
    path("login", entrance.login, name="account_login"),
    path("logout", allauth.LogoutView.as_view(template_name="accounts/logout.html"), name="account_logout"),
    path("signup", entrance.signup, name="account_signup"),
    path("login/inactive", entrance.inactive, name="account_inactive"),
    path(
        "password/reset",
        allauth.PasswordResetView.as_view(template_name="accounts/password_reset.html"),
        name="account_reset_password",
    ),
    path(
        "password/reset/sent",
        allauth.PasswordResetDoneView.as_view(template_name="accounts/password_reset_sent.html"),
        name="account_reset_password_done",
    ),
    path(
        "password/reset/done",
        allauth.PasswordResetFromKeyDoneView.as_view(template_name="accounts/password_reset_done.html"),
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)$",
        allauth.PasswordResetFromKeyView.as_view(template_name="accounts/password_reset_new.html"),
        name="account_reset_password_from_key",
    ),
]

urlpatterns: list[URLPattern | URLResolver] = [path("", include((pages, "accounts"))), *sign_in]
