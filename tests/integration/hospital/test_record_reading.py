"""A record on paper and its versions side by side: what is closed to the reader stays closed there, too."""

from __future__ import annotations

from tests.integration.hospital.pages import fields_of


def signed(begun):
    doctor, url = begun.doctor, begun.url
    note = {"assessment": "Viêm họng cấp", "plan": "Nghỉ ngơi ba ngày"}
    assert doctor.post(url, data=fields_of(doctor.get(url), **note)).status_code == 303
    assert doctor.post(f"{url}/diagnoses", data=fields_of(doctor.get(url), code="J02.9")).status_code == 303
    assert doctor.post(f"{url}/sign", data=fields_of(doctor.get(url))).status_code == 303
    return begun


def test_versions_are_compared_word_by_word(consultation) -> None:
    begun = signed(consultation())
    doctor = begun.doctor
    amended = doctor.submit(f"{begun.url}/amend", {"reason": "Ghi nhầm"}, page=begun.url).headers["Location"]
    assert doctor.post(amended, data=fields_of(doctor.get(amended), plan="Nghỉ ngơi năm ngày")).status_code == 303
    assert doctor.post(f"{amended}/diagnoses", data=fields_of(doctor.get(amended), code="I10")).status_code == 303
    page = doctor.get(f"{amended}/compare").get_data(as_text=True)
    assert "Bỏ: </span>ba </del>" in page
    assert "Thêm: </span>năm </ins>" in page
    assert "I10" in page
    assert doctor.get(f"{amended}/compare?with=7").status_code == 404
    assert doctor.get(f"{begun.url}/compare").status_code == 404, "there is none before the first"


def test_a_record_is_printed_on_a4(consultation) -> None:
    begun = signed(consultation())
    paper = begun.doctor.get(f"{begun.url}/print")
    assert (paper.status_code, paper.mimetype) == (200, "application/pdf")
    assert paper.data.startswith(b"%PDF-1.7")
    assert b"/MediaBox [0 0 595" in paper.data.replace(b"[ ", b"[") or b"595.2" in paper.data


def test_who_may_not_read_the_record_prints_nothing(alpha, consultation, sign_in_staff) -> None:
    begun = signed(consultation())
    for path in ("print", "compare"):
        assert sign_in_staff(alpha, "receptionist").get(f"{begun.url}/{path}").status_code == 403
