"""After a failure nobody asks for a while; then it is tried again."""

from __future__ import annotations

from app.core.circuit import Circuit


def test_a_circuit_opens_at_a_failure_and_closes_by_itself_after_a_rest() -> None:
    now = [100.0]
    circuit = Circuit(5, monotonic=lambda: now[0])
    assert not circuit.is_open()
    circuit.open()
    assert circuit.is_open()
    now[0] += 4.9
    assert circuit.is_open()
    now[0] += 0.2
    assert not circuit.is_open()
