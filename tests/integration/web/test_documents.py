"""Documents as PDF: facts are data, whatever they hold; only templates of ours are set."""

from __future__ import annotations

import pytest

from app.web.documents import pdf, qr_svg

FACTS = {
    "title": "ĐƠN THUỐC", "code": "DT-000001", "locale": "vi", "qr": qr_svg("DT-000001"), "cancelled": None,
    "hospital": {"name": "Bệnh viện thử", "address": "Khoa Nội"}, "national_code": "",
    "labels": dict.fromkeys(
        ("code", "national_code", "name", "patient_code", "born", "sex", "bhyt", "weight", "guardian", "diagnosis",
         "medicines", "quantity", "count", "note", "doctor", "licence", "signed", "bring"), "nhãn"),
    "patient": {"name": "Nguyễn Thị Ước", "code": "BN-1", "born": "01/02/1990", "sex": "Nữ", "bhyt": "", "weight": "",
                "guardian": ""},
    "diagnoses": ["J02.9 Viêm họng cấp"], "count": "01", "note": "", "day": "Ngày 1", "doctor": "BS. A", "licence": "",
    "items": [{"name": "Paracetamol", "quantity": "05 viên", "lines": ["Uống"], "instructions": ""}],
}  # fmt: skip


@pytest.mark.parametrize(
    "typed",
    [
        '#read("/etc/passwd")',
        "#panic()",
        '" #sys.version',
        "$ x $ *đậm* _nghiêng_ @a <b> // c",
        '#import "@preview/cetz:0.3.0"',
        "\u202e\u0000\n",
    ],
)
def test_what_somebody_typed_is_never_a_command(typed: str) -> None:
    facts = {**FACTS, "note": typed, "patient": {**FACTS["patient"], "name": typed}}
    assert pdf("prescription", facts).startswith(b"%PDF-")


@pytest.mark.parametrize("name", ["nothing", "../layouts/base", "/etc/passwd", "facts.json"])
def test_only_our_own_templates_are_documents(name: str) -> None:
    with pytest.raises(LookupError):
        pdf(name, FACTS)


def test_a_long_prescription_goes_on_over_pages() -> None:
    facts = {**FACTS, "items": FACTS["items"] * 60}
    assert pdf("prescription", facts).count(b"/Type/Page") >= 2 or len(pdf("prescription", facts)) > 10_000
