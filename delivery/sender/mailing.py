"""What a send process knows of one mailing: how its messages are written, and what its gate must ask."""

from __future__ import annotations

from dataclasses import dataclass

from delivery import letters
from delivery.content.compose import Composer
from delivery.models import Mailing
from delivery.queue.audience import family_of
from delivery.queue.gate import Recipient, Rules
from delivery.smtp.commands import Envelope


@dataclass(frozen=True)
class Sending:
    """Frozen when it was scheduled, so that it is read once a process."""

    id: int
    rules: Rules
    at_most_once: bool
    composer: Composer
    return_path_host: str
    other_routes: bool  # who cannot leave by one may leave by the next

    def write(self, to: Recipient) -> Envelope:
        """The whole message. Raises RenderLimit or BadHeader: then it is held."""
        composed = self.composer.compose(
            letters.recipient(to.message, to.contact, to.rcpt, to.values), second=int(to.values_at.timestamp())
        )
        return Envelope(to.message, f"{composed.return_path_local}@{self.return_path_host}", to.rcpt, composed.data)


def load(mailing_id: int) -> Sending:
    """Raises BadHeader or TemplateProblem if the content cannot be used."""
    mailing = Mailing.objects.select_related("workspace", "content", "from_address__sending_domain").get(pk=mailing_id)
    return Sending(
        id=mailing.pk,
        rules=Rules(
            consent=mailing.kind == Mailing.Kind.CAMPAIGN,
            include_lists=tuple(mailing.include_lists),
            family=tuple(family_of(mailing.people_set_id, mailing.pk)),
            as_contact=mailing.as_contact_id,
        ),
        at_most_once=mailing.at_most_once,
        composer=letters.composer(mailing),
        return_path_host=mailing.from_address.sending_domain.return_path_host,
        other_routes=mailing.routes.count() > 1,
    )
