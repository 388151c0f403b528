"""100,000 visits over a year in one hospital, made by the database itself."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg

VISITS = 100_000
DOCTORS = 20
PATIENTS = 20_000
DAYS = 358  # of which the day number TODAY is today
TODAY = 270

_STAFF: LiteralString = """
INSERT INTO staff_users (id, username, full_name, password_hash, department_id)
SELECT gen_random_uuid(), 'bench' || n, 'Bác sĩ Thử ' || n, '-',
       (SELECT id FROM departments ORDER BY position OFFSET n %% 6 LIMIT 1)
FROM generate_series(1, %(doctors)s) n
"""
_PATIENTS: LiteralString = """
INSERT INTO patients (id, full_name, born_on, sex, phone, allergy_state)
SELECT gen_random_uuid(),
       (ARRAY['Nguyễn', 'Trần', 'Lê', 'Phạm', 'Huỳnh', 'Võ'])[1 + n %% 6] || ' ' ||
       (ARRAY['Văn', 'Thị', 'Minh', 'Ngọc', 'Quốc'])[1 + n / 6 %% 5] || ' ' ||
       (ARRAY['An', 'Bình', 'Dũng', 'Hạnh', 'Lan', 'Phúc', 'Thảo'])[1 + n / 30 %% 7],
       date '1940-01-01' + n, CASE n %% 2 WHEN 0 THEN 'male' ELSE 'female' END,
       '+8490' || lpad(n::text, 7, '0'),
       (ARRAY['known', 'none_known', 'none_known', 'not_recorded'])[1 + n %% 4]
FROM generate_series(1, %(patients)s) n
"""
# Fourteen half hours a doctor and day from half past seven on; each patient comes again after all others have come.
_VISITS: LiteralString = """
WITH doctors AS (
    SELECT id, department_id, row_number() OVER (ORDER BY username) - 1 AS n FROM staff_users
    WHERE username LIKE 'bench%%'
), people AS (
    SELECT id, row_number() OVER (ORDER BY code) - 1 AS n FROM patients
), planned AS (
    SELECT n, n / 280 - %(today)s AS day, n %% 20 AS doctor, n / 20 %% 14 AS slot, n %% %(patients)s AS person
    FROM generate_series(0, %(visits)s - 1) n
), timed AS (
    SELECT planned.*, (date_trunc('day', now() AT TIME ZONE 'Asia/Ho_Chi_Minh') + make_interval(days => day)
        + interval '7 hours 30 minutes' + slot * interval '30 minutes') AT TIME ZONE 'Asia/Ho_Chi_Minh' AS starts_at
    FROM planned
)
INSERT INTO appointments (id, patient_id, doctor_id, department_id, starts_at, ends_at, status, reason, booked_via,
                          arrived_at)
SELECT gen_random_uuid(), people.id, doctors.id, doctors.department_id, starts_at, starts_at + interval '30 minutes',
       CASE WHEN day < 0 THEN 'completed' WHEN day > 0 OR slot > 4 THEN 'booked' WHEN slot > 2 THEN 'arrived'
            ELSE 'completed' END,
       (ARRAY['Tái khám tăng huyết áp', 'Đau vùng thượng vị, ợ chua', 'Ho có đờm, đau họng 5 ngày'])[1 + timed.n %% 3],
       'desk', CASE WHEN day < 0 OR day = 0 AND slot <= 4 THEN least(now(), starts_at) - interval '10 minutes' END
FROM timed JOIN doctors ON doctors.n = doctor JOIN people ON people.n = person
"""
_VITALS: LiteralString = """
INSERT INTO vital_signs (id, patient_id, appointment_id, measured_at, measured_by, pulse)
SELECT gen_random_uuid(), patient_id, id, arrived_at, doctor_id, 76 FROM appointments
WHERE arrived_at IS NOT NULL AND starts_at > now() - interval '60 days'
"""
_RECORDS: LiteralString = """
INSERT INTO medical_records (id, series_id, number, patient_id, appointment_id, doctor_id, status, is_current,
                             signed_at, signed_by)
SELECT gen_random_uuid(), gen_random_uuid(), 1, patient_id, id, doctor_id, 'signed', true, ends_at, doctor_id
FROM appointments WHERE status = 'completed' AND starts_at > now() - interval '60 days'
"""


def fill_visits(connection: psycopg.Connection[Any]) -> None:
    """Fill a hospital's database; the connection is an administrator's."""
    facts = {"doctors": DOCTORS, "patients": PATIENTS, "visits": VISITS, "today": TODAY}
    for statement in (_STAFF, _PATIENTS, _VISITS, _VITALS, _RECORDS):
        connection.execute(statement, facts)
    connection.execute("VACUUM ANALYZE")
