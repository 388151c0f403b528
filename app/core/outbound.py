"""Requests to addresses that people typed or browsers sent: never into our own network (OWASP ASVS 5.0, 1.3.6).

A name is asked for its addresses once, every one of them is checked, and the connection goes to one that was checked,
so that a name which answers differently a moment later gains nothing. Nothing is redirected.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from app.core.errors import InvalidValue
from app.core.i18n import _l

LARGEST_ANSWER = 64 * 1024
LONGEST_EXCHANGE_SECONDS = 30.0
NAT64 = ipaddress.ip_network("64:ff9b::/96")
SHARED = ipaddress.ip_network("100.64.0.0/10")


class RefusedAddress(InvalidValue):
    """An address to which nothing is sent."""

    default_message = _l("This address lies in a private network, or is not an address of the web (https://…).")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the body is cut off where it is larger than anything that is looked for."""

    status: int
    body: bytes


def check_url(url: str, *, allow_private: bool) -> SplitResult:
    """Return the parts of an address that may be written to as far as its letters say; raises RefusedAddress."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusedAddress from None
    schemes = ("https", "http") if allow_private else ("https",)
    odd = any(ord(letter) <= 32 or ord(letter) == 127 for letter in url)
    odd = odd or not parts.path.isascii()  # no request line takes it
    if odd or parts.scheme not in schemes or not parts.hostname or parts.username or parts.password or port == 0:
        raise RefusedAddress
    if not allow_private:
        try:
            literal = ipaddress.ip_address(parts.hostname)
        except ValueError:
            if "." not in parts.hostname or parts.hostname.endswith((".local", ".internal", ".localhost")):
                raise RefusedAddress from None
        else:
            if not is_public(literal):
                raise RefusedAddress
    return parts


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Tell whether an address is one of the public internet, looking through those that wrap another."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.sixtofour is not None or address.teredo is not None:
            return False
    elif address in SHARED:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def connect(url: str, *, allow_private: bool, timeout: float) -> http.client.HTTPConnection:
    """Open a connection for requests to an address; raises RefusedAddress, or OSError where nobody answers."""
    parts = check_url(url, allow_private=allow_private)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise RefusedAddress from None
    places = [str(entry[4][0]) for entry in found]
    if not allow_private and not all(is_public(ipaddress.ip_address(place.partition("%")[0])) for place in places):
        raise RefusedAddress
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        plain = _first_open(places, port, timeout)
        try:
            connection.sock = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        connection.sock = _first_open(places, port, timeout)
    connection.auto_open = 0  # a connection that broke is not opened anew, past the check
    return connection


def exchange(
    connection: http.client.HTTPConnection, method: str, target: str, headers: Mapping[str, str], body: bytes | None
) -> Answer:
    """Send one request over an open connection and return the answer; raises OSError or HTTPException.

    A connection's own timeout begins anew with each byte: who sends one now and then is hung up on as a whole.
    """
    with _hung_up_after(connection, LONGEST_EXCHANGE_SECONDS) as was_cut:
        connection.request(method, target, body=body, headers=dict(headers))
        response = connection.getresponse()
        answer = Answer(response.status, response.read(LARGEST_ANSWER))
    if was_cut():
        raise TimeoutError
    return answer


@contextmanager
def _hung_up_after(connection: http.client.HTTPConnection, seconds: float) -> Iterator[Callable[[], bool]]:
    sock, cut = connection.sock, threading.Event()

    def hang_up() -> None:
        cut.set()
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # that of TLS would forget its keys under who reads

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield cut.is_set
    finally:
        timer.cancel()


def target_of(parts: SplitResult) -> str:
    """Return what the request line names of an address."""
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _first_open(places: list[str], port: int, timeout: float) -> socket.socket:
    problem: OSError = OSError("the name has no address")
    for place in places:
        try:
            return socket.create_connection((place, port), timeout=timeout)
        except OSError as error:
            problem = error
    raise problem
