"""A campaign: what we say, to whom, when. Once scheduled, its mailing carries the state."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import WorkspaceOwned
from contacts.models import Contact
from delivery.models import FromAddress, Mailing, PeopleSet, Route

GIVE_UP_HOURS = 72  # what is usual, and the most
WAVE, WAVE_FROM = 1_000, 20_000  # people of a safety wave, and the audience from which there is one by itself
LEAST_WAVE, MOST_WAVE = 100, 1_000_000  # the brakes judge nothing by fewer tries (delivery.spikes)
WAVE_MINUTES, MOST_WAVE_MINUTES = 30, 24 * 60


class Campaign(WorkspaceOwned):
    """`version` counts saves: a save names the version that it was made from, or is a conflict."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SCHEDULED = "scheduled", _("Scheduled")

    class Kind(models.TextChoices):
        HTML = "html", _("HTML")
        LETTER = "letter", _("Simple text")

    name = models.CharField(_("name"), max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.HTML)
    language = models.CharField(_("language"), max_length=8, choices=settings.LANGUAGES, default="en")
    subject = models.CharField(_("subject"), max_length=500, blank=True)
    preheader = models.CharField(_("preview text"), max_length=500, blank=True)
    from_address = models.ForeignKey(FromAddress, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    reply_to = models.CharField(max_length=320, blank=True)
    html = models.TextField(blank=True)
    letter = models.TextField(blank=True)
    text = models.TextField(blank=True)  # "" = made from the HTML
    route = models.ForeignKey(Route, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    next_routes = ArrayField(models.BigIntegerField(), default=list, blank=True)  # which take over, in order
    include_lists = ArrayField(models.BigIntegerField(), default=list, blank=True)
    exclude_lists = ArrayField(models.BigIntegerField(), default=list, blank=True)
    # Sent again to these people of an earlier send, instead of to everybody on the include lists.
    people_set = models.OneToOneField(
        PeopleSet, null=True, blank=True, on_delete=models.SET_NULL, related_name="campaign"
    )
    # Whoever has not got it so long after their first try counts as failed; pauses come on top.
    give_up_hours = models.PositiveSmallIntegerField(
        default=GIVE_UP_HOURS, validators=[MinValueValidator(1), MaxValueValidator(GIVE_UP_HOURS)]
    )
    # So many get it first, the others after a wait. Null: by the size of the audience; 0: everybody at once.
    wave_size = models.PositiveIntegerField(null=True, blank=True)
    wave_minutes = models.PositiveSmallIntegerField(default=WAVE_MINUTES)
    counted = models.JSONField(default=dict, blank=True)  # the last funnel: campaigns.audience.Counted
    accepted_checks = models.JSONField(default=dict, blank=True)  # "look" checks that a person accepted: id → value
    version = models.PositiveIntegerField(default=1)
    # The wall time that was chosen, in its zone: what the marketer meant, whatever the law does to the zone.
    send_at = models.DateTimeField(null=True, blank=True)
    zone = models.CharField(max_length=64, blank=True)
    mailing = models.OneToOneField(Mailing, null=True, blank=True, on_delete=models.SET_NULL, related_name="campaign")
    # What whoever scheduled it was told of already (campaigns.notices).
    paused_told = models.CharField(max_length=80, blank=True)
    held_told = models.BooleanField(default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    scheduled_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="campaign_newest")]

    def __str__(self) -> str:
        return self.name or self.subject or str(_("Untitled campaign"))

    @property
    def status(self) -> str:
        """The one word that a badge shows: draft, scheduled, then the mailing's state."""
        if self.mailing is None:
            return self.state
        if self.mailing.state == Mailing.State.WAITING:
            return self.State.SCHEDULED
        return self.mailing.state

    @property
    def editable(self) -> bool:
        return self.state == self.State.DRAFT

    @property
    def wave(self) -> int:
        """People of the safety wave, 0 for none: as chosen, else by the last count."""
        if self.wave_size is None:
            return WAVE if self.receiving >= WAVE_FROM else 0
        return self.wave_size

    @property
    def receiving(self) -> int:
        """People: the mailing's own once it has begun, before that of the last count."""
        if self.mailing is not None and self.mailing.started_at is not None:
            return self.mailing.expanded
        return int(self.counted.get("receiving", 0))


class CampaignTest(models.Model):
    """A test send: its mailing, who asked, as whom it was personalised."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="tests")
    mailing = models.OneToOneField(Mailing, on_delete=models.CASCADE, related_name="campaign_test")
    contact = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="+")
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
