"""Reminders that are due in one minute, for as many patients as 300 hospitals with 100 appointments have.

One worker process turns 30,000 due reminders into messages of the ledgers, hospital after hospital, as the job
`send_due_reminders` does. There are 30 real databases with 1,000 appointments each, not 300 with 100: making those
takes longer than measuring, and the row says so. `reminders` is the seconds that takes, to the minute in which it must
be done; `reminders_by_hand` is the same to one INSERT … SELECT and one UPDATE per database, which know no preferences,
no consents, no quiet hours, no languages and no hospital's own words.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from statistics import median
from typing import LiteralString

from app.core.unit_of_work import unit_of_work
from app.domain.messages.due_reminders import AT_ONCE, queue_due_reminders
from app.tenancy.binding import bind_hospital
from bench.harness.platform import BenchPlatform
from bench.harness.results import Result, say

DATABASES, APPOINTMENTS = 30, 1_000
MINUTE = 60.0
ROUNDS = 3
# What the rules cost beside the bare statements; measured, and held so that it does not grow unseen.
AT_MOST_TO_BARE = 20.0

_FILL: tuple[LiteralString, ...] = (
    """INSERT INTO staff_users (id, username, full_name, password_hash)
    SELECT gen_random_uuid(), 'bench' || n, 'Bác sĩ Thử ' || n, '-' FROM generate_series(1, 20) n""",
    """INSERT INTO patients (id, full_name, born_on, sex, phone, email, allergy_state)
    SELECT gen_random_uuid(), 'Nguyễn Văn ' || n, date '1940-01-01' + n, 'male', '+8490' || lpad(n::text, 7, '0'),
           'p' || n || '@example.vn', 'none_known' FROM generate_series(1, %(count)s) n""",
    """WITH doctors AS (SELECT id, row_number() OVER (ORDER BY username) - 1 AS n FROM staff_users),
    people AS (SELECT id, row_number() OVER (ORDER BY code) - 1 AS n FROM patients)
    INSERT INTO appointments (id, patient_id, doctor_id, department_id, starts_at, ends_at, status, reason, booked_via)
    SELECT gen_random_uuid(), people.id, doctors.id, (SELECT id FROM departments LIMIT 1),
           now() + interval '1 day' + people.n / 20 * interval '30 minutes',
           now() + interval '1 day' + people.n / 20 * interval '30 minutes' + interval '30 minutes',
           'booked', 'Tái khám', 'desk'
    FROM people JOIN doctors ON doctors.n = people.n %% 20""",
    """INSERT INTO appointment_reminders (id, appointment_id, rule, channel, starts_at, due_at, state)
    SELECT gen_random_uuid(), id, '1_day', 'email', starts_at, now(), 'pending' FROM appointments""",
    """INSERT INTO settings (key, value) VALUES ('reminders', '{"quiet_from": "", "quiet_until": ""}')""",
)
_AGAIN: tuple[LiteralString, ...] = (
    "DELETE FROM outbound_messages",
    "UPDATE appointment_reminders SET state = 'pending', sent_at = NULL, due_at = now()",
    "VACUUM ANALYZE outbound_messages, appointment_reminders",
)
_BY_HAND: tuple[LiteralString, ...] = (
    """INSERT INTO outbound_messages (id, key, channel, template, locale, recipient, patient_id, appointment_id,
                                      reminder_rule,
                                      subject, body, state, next_attempt_at)
    SELECT gen_random_uuid(), 'reminder:' || a.id || ':' || r.rule || ':email', 'email', 'reminder', 'vi', p.email,
           p.id, a.id, r.rule, 'Nhắc lịch khám: ' || to_char(a.starts_at, 'HH24:MI DD/MM/YYYY'),
           'Kính gửi ' || p.full_name || ', xin nhắc lịch khám ' || a.code || ' lúc ' || a.starts_at
           || '. Quý khách vui lòng đến trước giờ hẹn 15 phút và mang theo căn cước công dân cùng thẻ bảo hiểm y tế.',
           'queued', now()
    FROM appointment_reminders r JOIN appointments a ON a.id = r.appointment_id JOIN patients p ON p.id = a.patient_id
    WHERE r.state = 'pending' AND r.due_at <= now()
    ON CONFLICT (key) DO NOTHING""",
    """UPDATE appointment_reminders SET state = 'sent', sent_at = now() WHERE state = 'pending' AND due_at <= now()""",
)


def measure(platform: BenchPlatform) -> Iterable[Result]:
    """Give the seconds for all, to a minute; and what they are to statements by hand."""
    codes = [f"remind-{number}" for number in range(DATABASES)]
    say(f"Making {DATABASES} hospitals with {APPOINTMENTS:,} appointments each")
    databases = [platform.create_hospital(code).database for code in codes]
    for database in databases:
        with platform.cluster.connect(database) as connection:
            for statement in _FILL:
                connection.execute(statement, {"count": APPOINTMENTS})
    ours, bare = [], []
    for number in range(ROUNDS):
        say(f"Round {number + 1} of {ROUNDS}")
        _make_due(platform, databases)
        ours.append(_ours(platform, codes))
        _check(platform, databases)
        _make_due(platform, databases)
        bare.append(_by_hand(platform, databases))
        _check(platform, databases)
    say(f"{DATABASES * APPOINTMENTS:,} reminders: {median(ours):.1f} s, by hand {median(bare):.1f} s")
    unit = f"s for {DATABASES} databases of {APPOINTMENTS:,}"
    yield Result("reminders", median(ours), unit, MINUTE, 1.0, at_most=True)
    yield Result("reminders_by_hand", median(ours), unit, median(bare), AT_MOST_TO_BARE, at_most=True)


def _ours(platform: BenchPlatform, codes: list[str]) -> float:
    began = time.monotonic()
    with platform.app.app_context():
        for code in codes:
            taken = AT_ONCE
            while taken == AT_ONCE:
                with bind_hospital(code), unit_of_work():
                    taken = queue_due_reminders()
    return time.monotonic() - began


def _by_hand(platform: BenchPlatform, databases: list[str]) -> float:
    began = time.monotonic()
    for database in databases:
        with platform.cluster.connect(database) as connection, connection.transaction():
            for statement in _BY_HAND:
                connection.execute(statement)
    return time.monotonic() - began


def _make_due(platform: BenchPlatform, databases: list[str]) -> None:
    for database in databases:
        with platform.cluster.connect(database) as connection:
            for statement in _AGAIN:
                connection.execute(statement)


def _check(platform: BenchPlatform, databases: list[str]) -> None:
    """Every reminder became one message; a fast benchmark that loses some would be worth nothing."""
    for database in databases:
        with platform.cluster.connect(database) as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM outbound_messages),"
                " (SELECT count(*) FROM appointment_reminders WHERE state = 'sent')"
            ).fetchone()
        if row != (APPOINTMENTS, APPOINTMENTS):
            raise SystemExit(f"{database} has {row} messages and reminders that were sent")
