"""What a link inside a sent mail reaches. A GET never changes who is mailed; a forged token changes nothing at all."""

from __future__ import annotations

import base64

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.request import split_domain_port
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts import subscriptions
from delivery import confirming, tracking, tracking_hosts
from delivery.bounces.webhooks import receiving
from delivery.keyring import keyring
from delivery.models import ReportWebhook
from delivery.tokens import WebPurpose

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
# A letter is foreign HTML, shown by itself: no script, no form, an origin of its own.
VIEW_POLICY = (
    "sandbox allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "img-src https: http: data:; style-src 'unsafe-inline'; font-src https: data:"
)
ONE_CLICK = "One-Click"  # RFC 8058, 3.1


def agent(request: HttpRequest) -> str:
    return str(request.headers.get("User-Agent", ""))


def private(response: HttpResponse) -> HttpResponse:
    """The address holds a token: it goes to nobody else and into no index."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


@never_cache
@require_safe
def open_pixel(request: HttpRequest, token: str) -> HttpResponse:
    """The pixel, whatever the token: a picture that fails would only tell a forger something. HEAD never counts."""
    found = keyring().parse_web(WebPurpose.OPEN, token)
    if found and request.method == "GET":
        tracking.opened(found, agent(request))
    return private(HttpResponse(PIXEL, content_type="image/gif"))


@never_cache
@require_safe
def click(request: HttpRequest, token: str, number: int) -> HttpResponse:
    """To the frozen link with that number. Links never expire, so they work when the message is long gone."""
    found = keyring().parse_web(WebPurpose.CLICK, token)
    url = tracking.target(found, number) if found else None
    if found is None or url is None:
        raise Http404
    if request.method == "GET":
        tracking.clicked(found, number, agent(request))
    response = HttpResponse(status=302, headers={"Location": url})
    return private(response)


def reader_of(request: HttpRequest, token: str) -> tracking.Reader:
    found = keyring().parse_unsubscribe(token)
    who = tracking.reader(found) if found else None
    if who is None:
        raise Http404
    _speak(request, who)
    return who


def _speak(request: HttpRequest, who: tracking.Reader) -> None:
    """The reader's language: their own, else the mailing's."""
    language = (who.contact.language if who.contact else "") or who.mailing.content.language
    if language in ("en", "ja"):
        translation.activate(language)
        request.LANGUAGE_CODE = language


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a page with a button. POST acts: from the button, or from a mail program by RFC 8058."""
    who = reader_of(request, token)
    if request.method != "POST":
        return private(render(request, "delivery/public/unsubscribe.html", {"who": who, "token": token}))
    if request.POST.get("List-Unsubscribe") == ONE_CLICK:
        tracking.unsubscribe(who, source="one-click")
        return private(HttpResponse("", content_type="text/plain"))
    tracking.unsubscribe(who, source="link", everything="everything" in request.POST)
    return private(HttpResponseRedirect(request.path.rstrip("/") + "/done"))


@never_cache
@require_safe
def unsubscribed(request: HttpRequest, token: str) -> HttpResponse:
    who = reader_of(request, token)
    return private(render(request, "delivery/public/unsubscribed.html", {"who": who, "token": token}))


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Which lists a person takes. The token is what lets them in: there is no session to protect."""
    who = reader_of(request, token)
    if request.method == "POST":
        wanted = _lists(request.POST)
        tracking.set_preferences(who, wanted)
        done = "asked" if confirming.ask(who, wanted) else "saved"
        return private(redirect(f"{request.path}?{done}=1"))
    shown = subscriptions.preferences(who.contact) if who.contact else None
    done = next((one for one in ("saved", "asked", "late") if one in request.GET), "")
    on = [one.list.pk for one in shown.choices if one.subscribed and not shown.stop] if shown else []
    context = {"who": who, "token": token, "preferences": shown, "wanted": on, "done": done}
    return private(render(request, "delivery/public/preferences.html", context))


def _lists(data: QueryDict) -> list[int]:
    return [int(value) for value in data.getlist("lists") if value.isdecimal() and len(value) < 19]


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link of a mail that asks whether its reader wants mail again. GET shows a button, POST acts."""
    found = keyring().parse_confirm(token)
    if found is None:
        raise Http404
    leave = keyring().unsubscribe_token(found.contact_id, found.mailing_id)
    who = reader_of(request, leave)
    page = reverse("delivery:preferences", args=[leave])
    shown = confirming.what(who, found)
    if shown is None:
        return private(redirect(f"{page}?late=1"))
    if request.method == "POST" and confirming.confirm(who, found, _lists(request.POST)):
        return private(redirect(f"{page}?saved=1"))
    context = {"who": who, "preferences": shown, "wanted": _lists(request.GET)}
    return private(render(request, "delivery/public/confirm.html", context))


@require_safe
def test_link(request: HttpRequest) -> HttpResponse:
    """Where the personal links of a test lead: nowhere, and it says so."""
    return private(render(request, "delivery/public/test.html"))


@never_cache
@require_safe
def host_proof(request: HttpRequest, nonce: str) -> HttpResponse:
    """Who holds our keys says that a sending domain's own name in links leads to us (delivery.tracking_hosts)."""
    host = getattr(request, "tracking_host", "") or split_domain_port(request.get_host())[0]
    return HttpResponse(keyring().host_proof(host, nonce), content_type="text/plain")


@never_cache
@require_safe
def host_known(request: HttpRequest) -> HttpResponse:
    """For a proxy that gets certificates on demand: 200 when `?domain=` is a sending domain's name in links."""
    host, _port = split_domain_port(request.GET.get("domain", ""))
    return HttpResponse(status=200 if host and tracking_hosts.leads_here(host) else 404)


@never_cache
@require_safe
def view_in_browser(request: HttpRequest, token: str) -> HttpResponse:
    """The reader's own copy, built again with its live links. It is no open: the pixel is left out."""
    found = keyring().parse_web(WebPurpose.VIEW, token)
    html = tracking.letter(found) if found else None
    if html is None:
        raise Http404
    response = private(HttpResponse(html))
    response.headers["Content-Security-Policy"] = VIEW_POLICY
    return response


@csrf_exempt
@never_cache
@require_POST
def report_hook(request: HttpRequest, provider: str, token: str) -> HttpResponse:
    """A sending service tells what became of mail. 403 where it does not prove who it is; it may then come again."""
    hook = get_object_or_404(ReportWebhook, provider=provider, token=token)
    try:
        receiving.receive(hook, request.headers, request.body)
    except receiving.Refused as refused:
        return HttpResponse(str(refused.problem), status=403, content_type="text/plain")
    return HttpResponse(status=200)
