"""What holds for every response: who is asking, behind which proxies, and what the browser may load."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.http.request import split_domain_port

from delivery import tracking_hosts

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# Nothing from another host, nothing inline. CodeMirror adds <style> elements and is given the nonce; the widths of bars
# are attributes of SVG. A view that shows foreign HTML sets a policy of its own, which is left alone.
POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class TrackingHost:
    """At the own host of a sending domain there is what links in its mail reach, and nothing else.

    First of all, since Django refuses hosts that it does not know: to the rest the host is TRACKING_URL's. Every other
    unknown host stays unknown, also one that is not proved yet, but for the page that proves it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        host, _port = split_domain_port(request.META.get("HTTP_HOST", ""))
        proof = request.path_info.startswith(tracking_hosts.PROOF)
        ours = tracking_hosts.leads_here if proof else tracking_hosts.serves
        if host and host not in settings.ALLOWED_HOSTS and ours(host):
            request.META["HTTP_HOST"] = urlsplit(settings.TRACKING_URL).netloc
            request.tracking_host = host  # type: ignore[attr-defined]
            request.urlconf = "config.reader_urls"
        return self.get_response(request)


class ContentSecurityPolicy:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.csp_nonce = secrets.token_urlsafe(16)  # type: ignore[attr-defined]
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY.format(nonce=request.csp_nonce))  # type: ignore[attr-defined]
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        return response


class ClientAddress:
    """REMOTE_ADDR becomes the client's: the entry of X-Forwarded-For that the outermost of our own proxies wrote.

    Entries further left were sent by the client and may say anything; with PROXY_HOPS = 0 the header is ignored.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        entries = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if 0 < settings.PROXY_HOPS <= len(entries) and entries[-settings.PROXY_HOPS]:
            request.META["REMOTE_ADDR"] = entries[-settings.PROXY_HOPS]
        return self.get_response(request)


class NoNul:
    """An address with NUL in it is no page. PostgreSQL takes no NUL, so that no view may hand one on.

    The API names the parameter by itself.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        asked = request.META.get("QUERY_STRING", "")
        odd = "%00" in asked or "\0" in asked or "\0" in request.path_info
        if odd and not request.path_info.startswith("/api/"):
            raise Http404
        return self.get_response(request)
