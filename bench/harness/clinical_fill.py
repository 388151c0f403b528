"""A hospital with 100,000 patients and 500,000 visits, and one with a million patients, made by the database itself.

Names are put together from the family, middle and given names that are common in Vietnam, about as often as they are
(half of all people share three family names), so that a search for a part finds as many as it would.
"""

from __future__ import annotations

from typing import Any, LiteralString
from uuid import UUID

import psycopg

PATIENTS, VISITS, DOCTORS, DAYS_BEFORE = 100_000, 500_000, 50, 300
SLOTS = 28  # quarters of an hour a doctor and day from half past seven on
FREE_DOCTORS, FREE_DAYS, FREE_SLOTS = 20, 30, 32
NEVER_SEEN = 5_000  # patients without a visit, who can be booked at any time
MILLION = 1_000_000

# Triggers tell of single visits; here half a million come at once. The constraints hold all the same.
_QUIETLY: LiteralString = "SET session_replication_role = replica"
_PEOPLE: LiteralString = """
INSERT INTO patients (id, full_name, born_on, sex, cccd, bhyt, phone, province, allergy_state)
SELECT gen_random_uuid(),
    (ARRAY['Nguyễn','Nguyễn','Nguyễn','Nguyễn','Nguyễn','Nguyễn','Trần','Trần','Lê','Lê','Phạm','Hoàng','Huỳnh','Phan',
        'Vũ','Võ','Đặng','Bùi','Đỗ','Hồ','Ngô','Dương','Lý','Đinh','Trương','Mai'])[1 + h %% 26] || ' ' ||
    CASE WHEN sex THEN (ARRAY['Văn','Văn','Văn','Hữu','Đức','Công','Quang','Minh','Quốc','Xuân','Thành','Ngọc'])
        [1 + h / 26 %% 12]
    ELSE (ARRAY['Thị','Thị','Thị','Thị Thanh','Thị Ngọc','Thị Kim','Ngọc','Thu','Minh','Thanh','Thùy','Phương'])
        [1 + h / 26 %% 12] END || ' ' ||
    (ARRAY['An','Anh','Bình','Châu','Cường','Dũng','Duy','Giang','Hà','Hải','Hạnh','Hậu','Hiền','Hiếu','Hoa','Hòa',
        'Hùng','Hương','Huy','Khánh','Khoa','Lan','Liên','Linh','Loan','Long','Mai','Minh','My','Nam','Nga','Ngân',
        'Nghĩa','Ngọc','Nhân','Nhung','Oanh','Phong','Phúc','Phương','Quân','Quyên','Sơn','Tâm','Thảo','Thắng','Thu',
        'Thủy','Tiến','Trang','Trinh','Trung','Tú','Tuấn','Tùng','Tuyết','Uyên','Vân','Vinh','Yến'])[1 + h / 312 %% 60],
    date '1935-01-01' + (h / 7 %% 31000)::integer, CASE WHEN sex THEN 'male' ELSE 'female' END,
    CASE WHEN n %% 5 < 4 THEN '0' || lpad((n * 7919 %% 99999999999)::text, 11, '0') END,
    CASE WHEN n %% 5 < 3 THEN 'GD4' || lpad((n * 104729 %% 999999999999)::text, 12, '0') END,
    CASE WHEN n %% 5 < 4 THEN '+849' || lpad((h %% 100000000)::text, 8, '0') END,
    (ARRAY['Hà Nội','Thành phố Hồ Chí Minh','Đà Nẵng','Cần Thơ','Hải Phòng','Huế'])[1 + h %% 6],
    (ARRAY['known','none_known','none_known','not_recorded'])[1 + h %% 4]
FROM (SELECT n::bigint, hashint8(n) & 2147483647 AS h, hashint8(n + 7) > 0 AS sex
      FROM generate_series(1, %(patients)s) n) made
"""
_STAFF: LiteralString = """
INSERT INTO staff_users (id, username, full_name, password_hash, department_id)
SELECT gen_random_uuid(), 'bench' || n, 'Bác sĩ Thử ' || n, '-',
       (SELECT id FROM departments ORDER BY position OFFSET n %% 6 LIMIT 1)
FROM generate_series(1, %(doctors)s + %(free_doctors)s) n
"""
_VISITS: LiteralString = """
WITH doctors AS (
    SELECT id, department_id, substr(username, 6)::integer - 1 AS n FROM staff_users WHERE username LIKE 'bench%%'
), people AS (
    SELECT id, row_number() OVER (ORDER BY code) - 1 AS n FROM patients
), planned AS (
    SELECT n, n / (%(doctors)s * %(slots)s) - %(before)s AS day, n %% %(doctors)s AS doctor,
        n / %(doctors)s %% %(slots)s AS slot, n * 7 %% (%(patients)s - %(unseen)s) AS person
    FROM generate_series(0, %(visits)s - 1) n
), timed AS (
    SELECT planned.*, (date_trunc('day', now() AT TIME ZONE 'Asia/Ho_Chi_Minh') + make_interval(days => day)
        + interval '7 hours 30 minutes' + slot * interval '15 minutes') AT TIME ZONE 'Asia/Ho_Chi_Minh' AS starts_at
    FROM planned
)
INSERT INTO appointments (id, patient_id, doctor_id, department_id, starts_at, ends_at, status, reason, booked_via,
                          arrived_at, started_at, finished_at)
SELECT gen_random_uuid(), people.id, doctors.id, doctors.department_id, starts_at, starts_at + interval '15 minutes',
       state, (ARRAY['Tái khám tăng huyết áp', 'Đau vùng thượng vị, ợ chua', 'Ho có đờm, đau họng 5 ngày'])
           [1 + timed.n %% 3],
       CASE timed.n %% 3 WHEN 0 THEN 'patient_portal' ELSE 'desk' END,
       CASE WHEN state IN ('arrived', 'completed') THEN starts_at - interval '20 minutes' END,
       CASE WHEN state = 'completed' THEN starts_at + make_interval(mins => timed.n %% 40) END,
       CASE WHEN state = 'completed' THEN starts_at + make_interval(mins => timed.n %% 40 + 12) END
FROM (SELECT timed.*, CASE WHEN day > 0 OR day = 0 AND slot > 12 THEN 'booked' WHEN day = 0 AND slot > 9 THEN 'arrived'
        WHEN timed.n %% 17 = 0 THEN 'no_show' WHEN timed.n %% 19 = 0 THEN 'cancelled' ELSE 'completed' END AS state
      FROM timed) timed
    JOIN doctors ON doctors.n = doctor JOIN people ON people.n = person
"""
_HOURS: LiteralString = """
INSERT INTO doctor_schedules (id, doctor_id, department_id, weekday, starts, ends, slot_minutes, valid_from)
SELECT gen_random_uuid(), id, department_id, weekday, '07:30', '15:30', 15, date '2020-01-01'
FROM staff_users, generate_series(0, 6) weekday WHERE username LIKE 'bench%%'
"""
_RECORDS: LiteralString = """
INSERT INTO medical_records (id, series_id, number, patient_id, appointment_id, doctor_id, status, is_current,
                             complaint, assessment, signed_at, signed_by)
SELECT gen_random_uuid(), gen_random_uuid(), 1, patient_id, id, doctor_id, 'signed', true, reason, 'Ổn định', ends_at,
       doctor_id
FROM appointments WHERE status = 'completed' AND starts_at > now() - interval '60 days'
"""
_DIAGNOSES: LiteralString = """
INSERT INTO record_diagnoses (id, record_id, code, title, title_en, kind)
SELECT gen_random_uuid(), id, (ARRAY['I10', 'K29.7', 'J06.9', 'E11.9', 'M54.5'])[1 + abs(hashtext(id::text)) %% 5],
       'Chẩn đoán', 'Diagnosis', 'primary'
FROM medical_records
"""
_VITALS: LiteralString = """
INSERT INTO vital_signs (id, patient_id, appointment_id, measured_at, measured_by, pulse, systolic, diastolic)
SELECT gen_random_uuid(), patient_id, id, arrived_at, doctor_id, 76, 128, 82 FROM appointments
WHERE arrived_at IS NOT NULL AND starts_at > now() - interval '60 days'
"""
# One patient with a year of measurements, who is with the doctor now: the page on which doctors spend their day.
_CASE: tuple[LiteralString, ...] = (
    """
    INSERT INTO appointments (id, patient_id, doctor_id, department_id, starts_at, ends_at, status, reason, booked_via,
                              arrived_at, started_at)
    SELECT gen_random_uuid(), p.id, s.id, s.department_id, now() - interval '15 minutes', now(), 'in_progress',
           'Tái khám tăng huyết áp, đau đầu', 'desk', now() - interval '40 minutes', now() - interval '10 minutes'
    FROM staff_users s, (SELECT id FROM patients ORDER BY code DESC LIMIT 1) p WHERE s.id = %(doctor)s
    """,
    """
    INSERT INTO medical_records (id, series_id, number, patient_id, appointment_id, doctor_id, status, complaint,
                                 history, examination, assessment, plan)
    SELECT gen_random_uuid(), gen_random_uuid(), 1, patient_id, id, doctor_id, 'draft', reason,
           repeat('Tăng huyết áp 6 năm, đang dùng amlodipin 5 mg mỗi ngày, huyết áp ở nhà 140/90. ', 6),
           repeat('Tim đều 78 lần/phút, không tiếng thổi. Phổi trong. Bụng mềm. ', 5),
           'Tăng huyết áp nguyên phát chưa kiểm soát.', repeat('Chỉnh liều, theo dõi huyết áp tại nhà. ', 4)
    FROM appointments WHERE doctor_id = %(doctor)s
    """,
    """
    INSERT INTO record_diagnoses (id, record_id, code, title, title_en, kind, position)
    SELECT gen_random_uuid(), r.id, d.code, d.title, d.title, d.kind, d.position FROM medical_records r, (VALUES
        ('I10', 'Tăng huyết áp vô căn (nguyên phát)', 'primary', 0), ('E78.5', 'Tăng lipid máu', 'secondary', 1),
        ('R51', 'Đau đầu', 'secondary', 2)) d (code, title, kind, position)
    WHERE r.doctor_id = %(doctor)s
    """,
    """
    INSERT INTO vital_signs (id, patient_id, measured_at, measured_by, pulse, systolic, diastolic, temperature_c, spo2,
                             respiratory_rate, weight_kg, height_cm)
    SELECT gen_random_uuid(), patient_id, now() - n * interval '30 days', doctor_id, 70 + n, 150 - n, 95 - n, 36.7, 98,
           16, 64.5, 162
    FROM medical_records, generate_series(0, 11) n WHERE doctor_id = %(doctor)s
    """,
    """
    INSERT INTO prescriptions (id, record_id, patient_id, doctor_id, status)
    SELECT gen_random_uuid(), id, patient_id, doctor_id, 'draft' FROM medical_records WHERE doctor_id = %(doctor)s
    """,
    """
    INSERT INTO prescription_items (id, prescription_id, medicine_id, medicine_name, strength, unit, route, dose_amount,
                                    times_per_day, days, quantity, meal_timing, position)
    SELECT gen_random_uuid(), p.id, m.id, m.name, m.strength, m.unit, m.route, 1, 2, 14, 28, 'any', m.n
    FROM prescriptions p, (SELECT *, row_number() OVER (ORDER BY name) AS n FROM medicines ORDER BY name LIMIT 4) m
    WHERE p.doctor_id = %(doctor)s
    """,
)


def fill_clinic(connection: psycopg.Connection[Any], doctor_id: UUID) -> str:
    """Fill a hospital; return the id of the record that a doctor, who exists already, is writing in."""
    facts = {
        "patients": PATIENTS, "visits": VISITS, "doctors": DOCTORS, "free_doctors": FREE_DOCTORS, "slots": SLOTS,
        "before": DAYS_BEFORE, "unseen": NEVER_SEEN, "doctor": doctor_id,
    }  # fmt: skip
    connection.execute(_QUIETLY)
    for statement in (_STAFF, _PEOPLE, _VISITS, _HOURS, _RECORDS, _DIAGNOSES, _VITALS, *_CASE):
        connection.execute(statement, facts)
    connection.execute("RESET session_replication_role")
    connection.execute("VACUUM ANALYZE")
    found = connection.execute("SELECT id FROM medical_records WHERE doctor_id = %s", (doctor_id,)).fetchone()
    assert found is not None
    return str(found[0])


def fill_patients(connection: psycopg.Connection[Any], count: int) -> None:
    """Register so many people in a hospital's database."""
    connection.execute(_QUIETLY)
    connection.execute(_PEOPLE, {"patients": count})
    connection.execute("RESET session_replication_role")
    connection.execute("VACUUM ANALYZE patients")
