"""The environment's values: one that cannot be stops the start and names its setting."""

from __future__ import annotations

import ipaddress
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from config.embedded.keys import MARK_OF_AN_EXAMPLE


class Env(environ.Env):  # type: ignore[misc]
    """All methods raise ImproperlyConfigured naming the setting."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var}: {error}") from error

    def number(self, var: str, *, default: int, least: int, most: int) -> int:
        value: int = self.int(var, default=default)
        if not least <= value <= most:
            raise ImproperlyConfigured(f"{var} must be from {least} to {most}, not {value}")
        return value

    def port(self, var: str, *, default: int) -> int:
        return self.number(var, default=default, least=1, most=65535)

    def name_servers(self, var: str) -> str:
        """Addresses or addresses with a port, with commas between them; "" when not given."""
        text: str = self.str(var, default="")
        for server in filter(None, (part.strip() for part in text.split(","))):
            if not _is_name_server(server):
                raise ImproperlyConfigured(f"{var}: {server!r} is no address, such as 192.0.2.1 or 192.0.2.1:5353")
        return text

    def secret(self, var: str, *, least: int) -> str:
        """At least `least` characters and no example's; "" when not given."""
        text: str = self.str(var, default="").strip()
        if text and (len(text) < least or MARK_OF_AN_EXAMPLE in text):
            raise ImproperlyConfigured(f"{var} must be at least {least} characters of your own (see .env.example)")
        return text

    def networks(self, var: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """Addresses and networks, with commas between them; empty when not given."""
        parts = [part.strip() for part in self.str(var, default="").split(",")]
        try:
            return tuple(ipaddress.ip_network(part) for part in parts if part)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var}: {error}; addresses and networks like 192.0.2.0/24") from error


def _is_name_server(text: str) -> bool:
    host, port = text, "53"
    if text.startswith("[") or text.count(":") == 1:
        host, _, port = text.rpartition(":")
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return port.isascii() and port.isdigit() and 0 < int(port) <= 65535
