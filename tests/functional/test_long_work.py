"""Long work in a browser with a real worker: a file is looked at, tried, imported, fetched; without scripts too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.longwork.models import LongWork, LongWorkState
from app.domain.patients.models import Patient
from tests.factories import make_patient, make_staff
from tests.functional.conftest import DESKTOP, PHONE, wait_until
from tests.functional.pages import Watched
from tests.functional.test_access_rules import sign_in
from tests.functional.words import vi
from tests.integration.longwork.tables import people, table

pytestmark = pytest.mark.browser

WORK = "/h/alpha/hospital/long-work"
Bound = Callable[[str], Any]
NAMES = ("Nguyễn Thị Ánh Tuyết", "Trần Văn Đức", "Lê Hoàng Phúc", "Phạm Thị Hồng Nhung", "Vũ Đình Khôi", "Đặng Bích")


def write_table(folder: Path) -> Path:
    rows = people(1_500)
    for row, name in zip(rows, NAMES, strict=False):
        row[0] = name
    rows[2][1], rows[5][3] = "31/02/1984", "079"
    path = folder / "benh-nhan-2026.csv"
    path.write_text(table(rows), encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("shape", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_file_is_looked_at_tried_imported_and_the_refused_rows_are_fetched(
    alpha: str, bound: Bound, open_browser: Callable[..., Watched], shape: Any, tmp_path: Path
) -> None:
    name = "phone" if shape is PHONE else "desktop"
    with bound(alpha):
        make_staff("administrator", username="quan.tri", full_name="Lê Thị Quản Trị")
    desk = open_browser(shape)
    sign_in(desk, "/h/alpha/hospital/sign-in", vi("Sign-in name"), "quan.tri")
    desk.show_code()
    desk.go(f"{WORK}/new")
    desk.look(f"long-work-new-{name}", full=True)
    desk.go(f"{WORK}/patient-imports/new")
    desk.look(f"long-work-file-{name}", full=True)
    desk.page.get_by_label(vi("CSV file with patients")).set_input_files(write_table(tmp_path))
    desk.press(vi("Look at the file"))
    desk.look(f"long-work-columns-{name}", full=True)
    desk.press(vi("Try it without effect"))
    assert finished(desk)
    desk.look(f"long-work-tried-{name}", full=True)
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count(Patient.id))) == 0
    desk.press(vi("Import now"))
    assert finished(desk)
    desk.look(f"long-work-done-{name}", full=True)
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count(Patient.id))) == 1_498
    with desk.page.expect_download() as fetched:
        desk.page.get_by_role("button", name=vi("Download the rows that were not taken")).click()
    assert "31/02/1984" in Path(fetched.value.path()).read_text(encoding="utf-8-sig")
    desk.go(WORK)
    desk.look(f"long-work-list-{name}", full=True)


def test_an_export_is_made_and_fetched_without_scripts(
    alpha: str, bound: Bound, open_browser: Callable[..., Watched]
) -> None:
    with bound(alpha):
        make_staff("administrator", username="quan.tri", full_name="Lê Thị Quản Trị")
        make_patient(full_name="Trần Thị Đào")
    desk = open_browser(DESKTOP, java_script_enabled=False)
    sign_in(desk, "/h/alpha/hospital/sign-in", vi("Sign-in name"), "quan.tri")
    desk.show_code()
    desk.go(f"{WORK}/patient-exports/new")
    desk.press(vi("Make the file"))

    def made() -> bool:
        with bound(alpha):
            return db.session.scalars(sa.select(LongWork.state)).one() is LongWorkState.SUCCEEDED

    wait_until(made, "a worker made the file")
    desk.page.reload()
    with desk.page.expect_download() as fetched:
        desk.page.locator("main form[action$='/files/result'] button").click()
    assert "Trần Thị Đào" in Path(fetched.value.path()).read_text(encoding="utf-8-sig")


def finished(desk: Watched) -> bool:
    """Wait until the page has heard by itself that the work is done."""
    desk.page.get_by_text(vi("Ended")).first.wait_for()
    desk.page.wait_for_function("() => !document.querySelector('#progress progress')", timeout=60_000)
    desk.page.wait_for_load_state("load")
    return True
