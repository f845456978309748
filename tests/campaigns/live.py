"""A live campaign as people make one: a domain verified by DNS, a letter with everything in it, a list, "send now"."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from accounts.models import User, Workspace
from campaigns import editing, launching, preflight
from contacts import lists
from contacts.models import Contact, Field, List
from delivery import domain_checks, domains
from delivery.models import FromAddress, Mailing, Route
from tests.delivery.queue import world
from tests.factories import make_member, make_workspace
from tests.servers.dns import Dns

TRACKING_URL = "https://link.example.com"
MAIL_HOST = "mail.example.com"
SUBJECT = "New teas for {{ contact.first_name }}"
LETTER = """<html><head><style>.button { color: #ffffff; background: #1d6b52 }</style></head><body>
<p>Hello {{ contact.first_name or "you" }}, this goes to {{ contact.address }}.</p>
{% if contact.member %}<p>You have {{ contact.points }} points.</p>{% else %}<p>Become a member.</p>{% endif %}
<ul>{% for tea in contact.tags %}<li>{{ loop.index }}. {{ tea }}</li>{% endfor %}</ul>
<p><a class="button" href="https://shop.example/new?from=mail">The new teas</a></p>
<p><a href="https://shop.example/sale">The sale</a></p>
<p>{{ workspace.legal_name }}, {{ workspace.postal_address }}.
<a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
</body></html>"""
LINKS = ["https://shop.example/new?from=mail", "https://shop.example/sale"]


@dataclass(frozen=True)
class Shop:
    """A workspace that may send live."""

    workspace: Workspace
    person: User
    list: List
    from_address: FromAddress
    route: Route

    def people(self, addresses: Iterable[str]) -> list[Contact]:
        """Contacts on the list; every second one is a member."""
        return world.subscribe(self.list, addresses, _columns)

    def launch(self) -> Mailing:
        """Write the letter, choose the list, send now. Nothing may stand in the way of it."""
        campaign = editing.create(self.workspace, self.person, name="Autumn teas", from_address=self.from_address)
        written = {"subject": SUBJECT, "preheader": "Three of them", "html": LETTER, "include_lists": [self.list.pk]}
        campaign = editing.save(campaign, campaign.version, written, self.person)
        stops = preflight.check(campaign).stops
        assert not stops, [(check.key, check.title, check.detail) for check in stops]
        mailing = launching.schedule(campaign, by=self.person, actor=self.person)
        campaign.refresh_from_db()
        assert launching.start_now(campaign, actor=self.person)
        return mailing


def _columns(number: int) -> dict[str, Any]:
    return {
        "first_name": f"P{number}",
        "fields": {"member": number % 2 == 0, "points": number},
        "tags": [f"Sencha {number}", "Hojicha"],
    }


def open_shop(dns: Dns, route: Route, settings: Any) -> Shop:
    """What its domain page says stands in the DNS, whose addresses all are this machine's."""
    settings.DNS_RESOLVER, settings.TRACKING_URL, settings.SMTP_HOSTNAME = dns.address, TRACKING_URL, MAIL_HOST
    workspace = make_workspace(legal_name="Minori Tea K.K.", postal_address="1-2-3 Midori, Tokyo")
    person = make_member(workspace)
    for key, kind in (("member", Field.Kind.BOOLEAN), ("points", Field.Kind.NUMBER)):
        Field.objects.create(workspace=workspace, key=key, label=key.title(), kind=kind)
    route.save()
    route.workspaces.add(workspace)
    domain = domains.add(workspace, "news.example.com", actor=person)
    dns.set(MAIL_HOST, {"A": ["127.0.0.1"], "TXT": ["v=spf1 a -all"]})
    for record in domains.records(domain):
        if record.required:
            dns.add(record.host, record.type, record.value)
    domain_checks.check(domain)
    domains.go_live(domain, by=person, actor=person)
    sender = FromAddress.objects.create(workspace=workspace, sending_domain=domain, local_part="tea", name="Minori Tea")
    return Shop(workspace, person, lists.create(workspace, "News"), sender, route)


def reads_as_written(data: bytes, reader: Contact) -> None:
    """What the freeze made of LETTER once (styles inside, links to the tracking host), and this reader's own values."""
    mail = email.message_from_bytes(data, policy=email.policy.default)
    html, text = part(mail, "html"), part(mail, "plain")
    assert mail["Subject"] == f"New teas for {reader.first_name}"
    assert re.search(r'<a\b[^>]*style="[^"]*background: ?#1d6b52', html), html
    followed = {f"{TRACKING_URL}/" in address for address in re.findall('href="([^"]*)"', html)}
    assert followed == {True}, html
    points = f"You have {reader.fields['points']} points." if reader.fields["member"] else "Become a member."
    for body in (html, text):
        assert "shop.example" not in body
        assert body.count(f"{TRACKING_URL}/c/") == len(LINKS)
        assert not re.search("{{|{%|}}|%}", body)
        for words in (f"Hello {reader.first_name}, this goes to {reader.address}.", points, *reader.tags):
            assert words in body, body
        assert ("points" in body) == reader.fields["member"]


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def links(data: bytes) -> list[str]:
    """The followed links of the HTML, in order."""
    mail = email.message_from_bytes(data, policy=email.policy.default)
    return re.findall(f'href="({re.escape(TRACKING_URL)}/c/[^"]*)"', part(mail, "html"))
