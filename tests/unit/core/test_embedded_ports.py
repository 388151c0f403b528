"""Ports on loopback."""

import socket
from collections.abc import Iterator

import pytest

from app.core.embedded import EmbeddedError, ensure_free, ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_with_a_listener_is_not_free(taken: int) -> None:
    assert not ports.is_free(taken)


def test_a_found_port_is_free_and_ours() -> None:
    port = ports.find_free()
    assert port in ports.OURS
    assert ports.is_free(port)


def test_the_port_of_last_time_is_kept_while_it_is_free(taken: int) -> None:
    port = ports.find_free()
    assert ports.keep_or_find(port) == port
    assert ports.keep_or_find(taken) != taken
    assert ports.keep_or_find(0) != 0


def test_a_taken_port_is_told_in_a_sentence_with_a_way_out(taken: int) -> None:
    with pytest.raises(EmbeddedError, match=rf"Port {taken} .*PORT={taken + 1} make run"):
        ensure_free(taken)
