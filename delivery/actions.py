"""The words of this app's audit actions."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

ACTIONS = {
    "route.saved": _("Saved a route"),
    "route.paused": _("Paused a route"),
    "route.drained": _("Let a route run empty"),
    "route.resumed": _("Resumed a route"),
    "provider.paused": _("Paused a provider"),
    "provider.drained": _("Let a provider run empty"),
    "provider.resumed": _("Resumed a provider"),
    "route.removed": _("Removed a route"),
    "route.limited": _("Changed the limits of a route"),
    "warm_up.saved": _("Saved a warm-up plan"),
    "warm_up.paused": _("Paused a warm-up plan"),
    "warm_up.resumed": _("Resumed a warm-up plan"),
    "warm_up.removed": _("Removed a warm-up plan"),
    "mailbox.saved": _("Saved a return mailbox"),
    "mailbox.removed": _("Removed a return mailbox"),
    "webhook.saved": _("Saved a webhook for reports"),
    "webhook.removed": _("Removed a webhook for reports"),
    "mailing.release": _("Tried held people again"),
    "mailing.drop": _("Left held people out"),
    "route.site_limited": _("Changed the limits of a provider"),
    "brakes.saved": _("Changed when campaigns pause themselves"),
    "stops.applied": _("Stopped the addresses that were held"),
    "stops.dismissed": _("Let the failures of held addresses mean nothing"),
    "domain.added": _("Added a sending domain"),
    "domain.removed": _("Removed a sending domain"),
    "domain.verified": _("Verified a sending domain"),
    "domain.live": _("Switched a domain live"),
    "domain.not_live": _("Switched a domain back to the sandbox"),
    "domain.limited": _("Changed the limits of a domain"),
    "domain.record_gone": _("A record of a domain was no longer right in the DNS"),
    "domain.record_back": _("A record of a domain was right again in the DNS"),
    "domain.key_made": _("Made a new DKIM key for a domain"),
    "domain.key_signs": _("A domain's DKIM key was found in the DNS and signs"),
    "from_address.added": _("Added a From address"),
    "from_address.removed": _("Removed a From address"),
}
