"""Codes of patients and visits are numbers in a row, without an end where they grow longer than usual."""

from __future__ import annotations

import pytest

from tests.support.platform import Platform


@pytest.mark.parametrize(
    ("table", "sequence", "prefix"),
    [
        ("patients", "patient_code_seq", "BN-"),
        ("appointments", "appointment_code_seq", "LH-"),
        ("prescriptions", "prescription_code_seq", "DT-"),
        ("lab_orders", "lab_order_code_seq", "XN-"),
        ("data_requests", "data_request_code_seq", "YC-"),
    ],
)
def test_the_millionth_has_a_code_of_its_own(
    alpha: str, platform: Platform, table: str, sequence: str, prefix: str
) -> None:
    default = """
    SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE d.adrelid = %s::regclass AND a.attname = 'code'
    """
    with platform.admin(alpha) as connection, connection.transaction(force_rollback=True):
        (expression,) = connection.execute(default, (table,)).fetchone() or ("",)
        found = []
        for number in (7, 999_999, 1_000_000):
            connection.execute("SELECT setval(%s, %s, false)", (sequence, number))
            found += connection.execute(f"SELECT {expression}").fetchall()  # type: ignore[arg-type]
        connection.execute("SELECT setval(%s, 1, false)", (sequence,))
    assert [row[0] for row in found] == [f"{prefix}000007", f"{prefix}999999", f"{prefix}1000000"]
