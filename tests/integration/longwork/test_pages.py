"""The pages and the commands of long work: asked for, followed, cancelled, fetched; errors beside what was typed."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from app.domain.longwork.models import LongWork
from tests.integration.longwork.tables import Bind, count, people, perform, send, table
from tests.support.client import CheckingClient

WORK = "/h/alpha/hospital/long-work"
SignIn = Callable[..., CheckingClient]


def shown(response: Any) -> str:
    return str(response.get_data(as_text=True))


def id_in(response: Any) -> str:
    return re.search(r"/long-work/([0-9a-f-]{36})", response.location)[1]  # type: ignore[index]


def test_an_export_is_asked_for_followed_and_fetched(app: Flask, alpha: str, sign_in_staff: SignIn) -> None:
    browser = sign_in_staff(alpha, "administrator")
    assert "Chưa có" in shown(browser.get(WORK))
    assert shown(browser.get(f"{WORK}/new")).count("/new") >= 4
    asked = browser.submit(f"{WORK}/patient-exports/new", {"form": "csv"})
    work_id = id_in(asked)
    page = browser.get(f"{WORK}/{work_id}")
    assert "hx-get" in shown(page)
    assert "files/result" not in shown(page)
    moving = browser.get(f"{WORK}/{work_id}/progress?poll=1", headers={"HX-Request": "true"})
    assert "<html" not in shown(moving)
    perform(app, work_id)  # type: ignore[arg-type]
    over = browser.get(f"{WORK}/{work_id}/progress?poll=1", headers={"HX-Request": "true"})
    assert (over.status_code, over.headers["HX-Refresh"]) == (204, "true")
    file = browser.submit(f"{WORK}/{work_id}/files/result", page=f"{WORK}/{work_id}")
    assert file.status_code == 200
    assert "attachment" in file.headers["Content-Disposition"]
    assert shown(file).startswith("\ufeff")
    assert browser.submit(f"{WORK}/{work_id}/files/source", page=f"{WORK}/{work_id}").status_code == 404


def test_a_file_is_looked_at_mapped_tried_and_imported(app: Flask, alpha: str, sign_in_staff: SignIn) -> None:
    browser = sign_in_staff(alpha, "administrator")
    new = f"{WORK}/patient-imports/new"
    missing = browser.submit(new, {})
    assert missing.status_code == 422
    rows = [*people(3), ["Sai Ngày", "99/99/1990", "Nam", "", ""]]
    content = table(rows, ["Cột lạ", "Ngày sinh", "Giới tính", "CCCD", "SĐT"]).encode()
    sent = browser.submit(new, {"file": (io.BytesIO(content), "bn.csv")}, content_type="multipart/form-data")
    work_id = id_in(sent)
    columns = f"{WORK}/{work_id}/columns"
    page = shown(browser.get(columns))
    assert "bn.csv" in page
    wrong = browser.submit(columns, {"act": "try", "born_on": "1", "sex": "2"})
    assert wrong.status_code == 422
    said = {"full_name": "0", "born_on": "1", "sex": "2", "cccd": "3", "phone": "4"}
    looked = browser.submit(columns, {"act": "look", **said})
    assert "Người Thử 1" in shown(looked)
    tried = browser.submit(columns, {"act": "try", **said})
    assert tried.status_code == 303
    perform(app, work_id)  # type: ignore[arg-type]
    page = shown(browser.get(f"{WORK}/{work_id}"))
    assert "files/refused" in page
    assert count(app) == 0
    imported = browser.submit(f"{WORK}/{work_id}/import", page=f"{WORK}/{work_id}")
    perform(app, id_in(imported))  # type: ignore[arg-type]
    assert count(app) == 3
    again = browser.submit(f"{WORK}/{work_id}/import", page=f"{WORK}/{work_id}")
    assert id_in(again) == id_in(imported)


def test_a_file_larger_than_any_form_is_taken_from_who_may_import_only(
    app: Flask, alpha: str, sign_in_staff: SignIn, client: CheckingClient
) -> None:
    large = table(people(40_000)).encode()
    assert len(large) > 2_000_000
    url = f"{WORK}/patient-imports/new"

    def post(browser: CheckingClient, token: str = "") -> int:
        fields = {"csrf_token": token, "file": FileStorage(io.BytesIO(large), "bn.csv")}
        boundary, body = encode_multipart(fields)
        return browser.post(url, data=body, content_type=f"multipart/form-data; boundary={boundary}").status_code

    assert [post(client), post(sign_in_staff(alpha, "receptionist"))] == [413, 413]
    browser = sign_in_staff(alpha, "administrator")
    assert post(browser, browser.csrf_token(url)) == 303


def test_work_is_cancelled_by_who_asked_and_nobody_else_without_the_right(
    app: Flask, alpha: str, sign_in_staff: SignIn
) -> None:
    browser, desk = sign_in_staff(alpha, "administrator"), sign_in_staff(alpha, "receptionist")
    work_id = id_in(browser.submit(f"{WORK}/patient-exports/new", {"form": "jsonl"}))
    assert desk.get(WORK).status_code == 403
    assert desk.get(f"{WORK}/{work_id}").status_code == 403
    assert browser.submit(f"{WORK}/{work_id}/cancel", page=f"{WORK}/{work_id}").status_code == 303
    assert "hủy" in shown(browser.get(f"{WORK}/{work_id}"))
    assert browser.submit(f"{WORK}/{work_id}/retry", page=f"{WORK}/{work_id}").status_code == 303


def test_another_hospitals_work_is_not_to_be_seen(app: Flask, alpha: str, beta: str, sign_in_staff: SignIn) -> None:
    work_id = send(app, table(people(2)))
    stranger = sign_in_staff(beta, "administrator")
    assert stranger.get(f"/h/beta/hospital/long-work/{work_id}").status_code == 404
    assert str(work_id) not in shown(stranger.get("/h/beta/hospital/long-work"))
    answer = stranger.submit(f"/h/beta/hospital/long-work/{work_id}/cancel", page="/h/beta/hospital/long-work/new")
    assert answer.status_code == 404


def test_messages_are_counted_before_they_are_sent_again(app: Flask, alpha: str, sign_in_staff: SignIn) -> None:
    browser = sign_in_staff(alpha, "administrator")
    url = f"{WORK}/message-requeues/new"
    counted = browser.submit(url, {"since": "01/11/2026", "until": "21/11/2026", "begin": "1"})
    assert counted.status_code == 200
    assert 'name="begin"' not in shown(counted)
    wrong = browser.submit(url, {"since": "21/11/2026", "until": "01/11/2026"})
    assert wrong.status_code == 422
    assert 'value="21/11/2026"' in shown(wrong)
    assert count(app, of=LongWork) == 0


def test_commands_follow_the_same_rows(app: Flask, alpha: str, bound: Bind, tmp_path: Path) -> None:
    def run(*words: str) -> Any:
        return app.test_cli_runner().invoke(args=["hospital", "work", *words])

    source, refused, exported = tmp_path / "a.csv", tmp_path / "refused.csv", tmp_path / "out.jsonl"
    source.write_text(table([*people(3), ["Sai", "x", "Nam", "", ""]]))
    tried = run("import-patients", "alpha", str(source), "--dry-run", "--json")
    assert (tried.exit_code, json.loads(tried.stdout)["imported"], count(app)) == (4, 3, 0)
    done = run("import-patients", "alpha", str(source), "--errors", str(refused), "--json")
    assert (done.exit_code, json.loads(done.stdout)["imported"], count(app)) == (4, 3, 3)
    assert "Sai" in refused.read_text()
    assert refused.stat().st_mode & 0o077 == 0
    assert run("import-patients", "alpha", str(source)).exit_code == 1
    made = run("export-patients", "alpha", "--form", "jsonl", "--to", str(exported), "--json")
    assert (made.exit_code, json.loads(made.stdout)["patients"]) == (0, 3)
    assert len(exported.read_text().splitlines()) == 3
    listed = [json.loads(line) for line in run("list", "alpha", "--json").stdout.splitlines()]
    assert [row["state"] for row in listed][:2] == ["succeeded", "prepared"]
    later = json.loads(run("export-patients", "alpha", "--detach", "--json").stdout)["work"]
    assert run("cancel", "alpha", later).exit_code == 0
    assert json.loads(run("show", "alpha", later, "--json").stdout)["state"] == "cancelled"
    assert run("cancel", "alpha", later).exit_code == 1
    assert run("show", "alpha", "00000000-0000-7000-8000-000000000000").exit_code == 3
