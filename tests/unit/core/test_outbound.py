"""Requests to addresses of others never reach our own network."""

from __future__ import annotations

import socket
import time
from contextlib import closing, suppress
from http.client import HTTPException
from ipaddress import ip_address
from threading import Thread
from typing import Any

import pytest

from app.core import outbound
from app.core.outbound import RefusedAddress, check_url, connect, is_public


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    ],
)
def test_addresses_that_are_not_of_the_public_internet_are_known(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700:4700::1111", "64:ff9b::5db8:d822"])
def test_public_addresses_are_let_through(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://sms.example.vn/",
            "ftp://sms.example.vn/",
            "https:///x",
            "https://a@sms.example.vn/",
            "",
            "https://[",
        ),
        *("https://sms.example.vn:99999/", "https://sms.example.vn/a b", "https://sms.example.vn/\r\nX: y"),
        *("https://localhost/", "https://redis/", "https://db.internal/", "https://127.1/", "https://2130706433/"),
        "https://sms.example.vn/gửi",
    ],
)
def test_addresses_that_are_odd_or_inside_are_refused(url: str) -> None:
    with pytest.raises(RefusedAddress):
        connect(url, allow_private=False, timeout=1)


def test_a_name_that_leads_inside_is_refused_whatever_else_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(host: str, port: int, **_more: Any) -> list[Any]:
        asked.append(host)
        inside = "93.184.216.34", "10.0.0.5"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in inside]

    monkeypatch.setattr(outbound.socket, "getaddrinfo", answer)
    with pytest.raises(RefusedAddress):
        connect("https://rebinding.example.vn/", allow_private=False, timeout=1)
    assert asked == ["rebinding.example.vn"]


def test_where_private_places_are_allowed_any_host_of_the_web_is_written_to() -> None:
    assert check_url("http://127.0.0.1:8025/send", allow_private=True).port == 8025


def test_who_answers_without_end_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "LONGEST_EXCHANGE_SECONDS", 0.2)
    server = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        peer, _ = server.accept()
        with peer, suppress(OSError):
            peer.sendall(b"HTTP/1.1 200 OK\r\nX-Still-Here: ")
            while True:  # until nobody listens
                peer.sendall(b".")
                time.sleep(0.01)

    thread = Thread(target=drip, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.getsockname()[1]}/"
    connection = connect(url, allow_private=True, timeout=60)
    with closing(server), closing(connection), pytest.raises((OSError, HTTPException)):
        outbound.exchange(connection, "GET", "/", {}, None)
    thread.join()
