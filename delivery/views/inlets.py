"""Settings of what brings bounces in: the listener's state, return mailboxes, webhooks. They are the install's."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.roles import Can, WorkspaceRequest, requires
from delivery import inlets
from delivery.bounces.mailboxes import looking
from delivery.inlet_forms import MailboxForm, WebhookForm
from delivery.models import ReportWebhook, ReturnMailbox


@requires(Can.MANAGE_INSTALL)
@require_GET
def list_inlets(request: WorkspaceRequest) -> HttpResponse:
    context = {"listener": inlets.listener(), "mailboxes": ReturnMailbox.objects.all()}
    context["hooks"] = ReportWebhook.objects.all()
    return render(request, "delivery/inlets.html", context)


@requires(Can.MANAGE_INSTALL)
@require_http_methods(["GET", "POST"])
def edit_mailbox(request: WorkspaceRequest, pk: int | None = None) -> HttpResponse:
    mailbox = get_object_or_404(ReturnMailbox, pk=pk) if pk else ReturnMailbox()
    form = MailboxForm(request.POST or None, instance=mailbox)
    if request.method == "POST" and form.is_valid():
        saved = inlets.save_mailbox(form, actor=request)
        messages.success(request, _("Saved."))
        return redirect("delivery:mailbox", saved.pk)
    stored = ReturnMailbox.objects.get(pk=pk) if pk else None
    context = {"form": form, "mailbox": stored}
    return render(request, "delivery/mailbox.html", context, status=422 if form.is_bound else 200)


@requires(Can.MANAGE_INSTALL)
@require_POST
def test_mailbox(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Connect, sign in, open the folder. Nothing is fetched."""
    mailbox = get_object_or_404(ReturnMailbox, pk=pk)
    context = {"mailbox": mailbox, "trouble": looking.try_out(mailbox)}
    return render(request, "delivery/_mailbox_test.html", context)


@requires(Can.MANAGE_INSTALL)
@require_POST
def look_into_mailbox(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Now, for a few seconds; what is left is fetched by the next looks."""
    mailbox = get_object_or_404(ReturnMailbox, pk=pk)
    looking.look(mailbox.pk)
    return redirect("delivery:mailbox", pk)


@requires(Can.MANAGE_INSTALL)
@require_POST
def remove_mailbox(request: WorkspaceRequest, pk: int) -> HttpResponse:
    inlets.remove_mailbox(get_object_or_404(ReturnMailbox, pk=pk), actor=request)
    messages.success(request, _("The mailbox is no longer looked into. Its reports stay."))
    return redirect("delivery:inlets")


@requires(Can.MANAGE_INSTALL)
@require_http_methods(["GET", "POST"])
def edit_webhook(request: WorkspaceRequest, pk: int | None = None) -> HttpResponse:
    hook = get_object_or_404(ReportWebhook, pk=pk) if pk else ReportWebhook()
    form = WebhookForm(request.POST or None, instance=hook)
    if request.method == "POST" and form.is_valid():
        saved = inlets.save_webhook(form, actor=request)
        messages.success(request, _("Saved."))
        return redirect("delivery:webhook", saved.pk)
    stored = ReportWebhook.objects.get(pk=pk) if pk else None
    context = {"form": form, "hook": stored, "address": inlets.address_of(stored) if stored else ""}
    return render(request, "delivery/webhook.html", context, status=422 if form.is_bound else 200)


@requires(Can.MANAGE_INSTALL)
@require_POST
def remove_webhook(request: WorkspaceRequest, pk: int) -> HttpResponse:
    inlets.remove_webhook(get_object_or_404(ReportWebhook, pk=pk), actor=request)
    messages.success(request, _("Calls to its address are no longer taken. Its reports stay."))
    return redirect("delivery:inlets")
