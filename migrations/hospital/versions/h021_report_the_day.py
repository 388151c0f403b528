"""Report the day: figures in materialized views."""

import sqlalchemy as sa
from alembic import op

revision = "h021"
down_revision = "h020"
branch_labels = None
depends_on = None

VIEWS = ("appointment_stats", "doctor_stats", "patient_stats", "diagnosis_stats")

# The zone in which a view's days begin is the one that it was last counted for.
ZONE = "(SELECT coalesce((SELECT zone FROM report_refreshes WHERE view = '{view}'), 'Asia/Ho_Chi_Minh') AS zone) z"
WAIT = "a.started_at - a.arrived_at"
# Who was forgotten on the list, and called in the next day, says nothing about waiting.
WAITED = f"{WAIT} BETWEEN interval '0' AND interval '12 hours'"
CONSULTED = "a.finished_at - a.started_at BETWEEN interval '0' AND interval '12 hours'"
COUNTS = """
        count(*) AS visits,
        count(*) FILTER (WHERE a.status = 'completed') AS completed,
        count(*) FILTER (WHERE a.status = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE a.status = 'no_show') AS no_shows"""
SUMS = f"""
        count(*) FILTER (WHERE {WAITED}) AS waited,
        coalesce(sum(extract(epoch FROM {WAIT})) FILTER (WHERE {WAITED}), 0)::bigint AS wait_seconds"""

APPOINTMENTS = f"""
CREATE MATERIALIZED VIEW appointment_stats AS
    SELECT (a.starts_at AT TIME ZONE z.zone)::date AS day, a.department_id, {COUNTS},
        count(*) FILTER (WHERE a.booked_via = 'patient_portal') AS by_patients,
        count(*) FILTER (WHERE a.status IN ('booked', 'arrived', 'in_progress')) AS standing, {SUMS},
        count(*) FILTER (WHERE {WAITED} AND {WAIT} <= interval '15 minutes') AS within_15,
        count(*) FILTER (WHERE {WAITED} AND {WAIT} > interval '15 minutes' AND {WAIT} <= interval '30 minutes')
            AS within_30,
        count(*) FILTER (WHERE {WAITED} AND {WAIT} > interval '30 minutes' AND {WAIT} <= interval '1 hour')
            AS within_60,
        count(*) FILTER (WHERE {WAITED} AND {WAIT} > interval '1 hour') AS over_60
    FROM appointments a CROSS JOIN {ZONE.format(view="appointment_stats")}
    GROUP BY 1, 2
WITH NO DATA
"""  # noqa: S608 (constants of this file)
DOCTORS = f"""
CREATE MATERIALIZED VIEW doctor_stats AS
    SELECT (a.starts_at AT TIME ZONE z.zone)::date AS day, a.department_id, a.doctor_id, {COUNTS}, {SUMS},
        count(*) FILTER (WHERE {CONSULTED}) AS consulted,
        coalesce(sum(extract(epoch FROM a.finished_at - a.started_at)) FILTER (WHERE {CONSULTED}), 0)::bigint
            AS consult_seconds
    FROM appointments a CROSS JOIN {ZONE.format(view="doctor_stats")}
    GROUP BY 1, 2, 3
WITH NO DATA
"""  # noqa: S608 (constants of this file)
# Under 6 the state pays the insurance, under 16 somebody comes along, from 60 on one is elderly (Luật Người cao tuổi).
PATIENTS = f"""
CREATE MATERIALIZED VIEW patient_stats AS
    SELECT met.day, met.department_id, met.sex,
        CASE WHEN met.age < 6 THEN 0 WHEN met.age < 16 THEN 6 WHEN met.age < 40 THEN 16 WHEN met.age < 60 THEN 40
            WHEN met.age < 80 THEN 60 ELSE 80 END AS age_from,
        count(DISTINCT met.patient_id) AS seen,
        count(*) FILTER (WHERE met.nth = 1) AS first_visits
    FROM (
        SELECT (a.starts_at AT TIME ZONE z.zone)::date AS day, a.department_id, a.patient_id, p.sex,
            extract(year FROM age((a.starts_at AT TIME ZONE z.zone)::date, p.born_on))::integer AS age,
            row_number() OVER (PARTITION BY a.patient_id ORDER BY a.starts_at, a.id) AS nth
        FROM appointments a JOIN patients p ON p.id = a.patient_id
            CROSS JOIN {ZONE.format(view="patient_stats")}
        WHERE a.status IN ('arrived', 'in_progress', 'completed')
    ) met
    GROUP BY 1, 2, 3, 4
WITH NO DATA
"""  # noqa: S608 (constants of this file)
DIAGNOSES = f"""
CREATE MATERIALIZED VIEW diagnosis_stats AS
    SELECT (a.starts_at AT TIME ZONE z.zone)::date AS day, a.department_id, left(d.code, 3) AS category,
        count(*) FILTER (WHERE d.kind = 'primary') AS as_primary,
        count(*) FILTER (WHERE d.kind <> 'primary') AS as_secondary
    FROM record_diagnoses d
        JOIN medical_records r ON r.id = d.record_id AND r.is_current
        JOIN appointments a ON a.id = r.appointment_id
        CROSS JOIN {ZONE.format(view="diagnosis_stats")}
    GROUP BY 1, 2, 3
WITH NO DATA
"""  # noqa: S608 (constants of this file)
INDEXES = """
CREATE UNIQUE INDEX uq_appointment_stats ON appointment_stats (day, department_id);
CREATE UNIQUE INDEX uq_doctor_stats ON doctor_stats (day, department_id, doctor_id);
CREATE UNIQUE INDEX uq_patient_stats ON patient_stats (day, department_id, sex, age_from);
CREATE UNIQUE INDEX uq_diagnosis_stats ON diagnosis_stats (day, department_id, category);
"""
# Only its owner may refresh a view. Who reads meanwhile sees the figures of before; a view that was never counted
# can be filled by the plain command only.
REFRESH = """
CREATE FUNCTION vien_refresh_report(which text, of_zone text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE begun timestamptz := clock_timestamp(); taken integer;
BEGIN
    IF which IS NULL OR NOT which = ANY ('{appointment_stats,doctor_stats,patient_stats,diagnosis_stats}'::text[]) THEN
        RAISE EXCEPTION 'there is no report %', which USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM begun AT TIME ZONE of_zone;
    INSERT INTO report_refreshes (view, zone, refreshed_at, took_ms) VALUES (which, of_zone, begun, 0)
        ON CONFLICT (view) DO UPDATE SET zone = excluded.zone, refreshed_at = excluded.refreshed_at;
    IF (SELECT relispopulated FROM pg_class WHERE oid = to_regclass(which)) THEN
        EXECUTE format('REFRESH MATERIALIZED VIEW CONCURRENTLY public.%I', which);
    ELSE
        EXECUTE format('REFRESH MATERIALIZED VIEW public.%I', which);
    END IF;
    taken := ceil(1000 * extract(epoch FROM clock_timestamp() - begun));
    UPDATE report_refreshes SET took_ms = taken WHERE view = which;
    RETURN taken;
END $$;
REVOKE ALL ON FUNCTION vien_refresh_report(text, text) FROM PUBLIC;
"""
# lpad() cut a number longer than it pads: the millionth patient would have had the code of the hundred thousandth.
CODES = {
    "patients": ("BN-", "patient_code_seq", 6),
    "appointments": ("LH-", "appointment_code_seq", 6),
    "prescriptions": ("DT-", "prescription_code_seq", 6),
    "data_requests": ("YC-", "data_request_code_seq", 6),
    "breaches": ("VP-", "breach_code_seq", 4),
}
GRANTS = """
GRANT SELECT ON report_refreshes, appointment_stats, doctor_stats, patient_stats, diagnosis_stats TO vien_app;
GRANT EXECUTE ON FUNCTION vien_refresh_report(text, text) TO vien_app;
"""


def upgrade() -> None:
    op.create_table(
        "report_refreshes",
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.CheckConstraint("took_ms >= 0", name=op.f("ck_report_refreshes_took_ms")),
        sa.PrimaryKeyConstraint("view", name=op.f("pk_report_refreshes")),
    )
    for statement in (APPOINTMENTS, DOCTORS, PATIENTS, DIAGNOSES, INDEXES, REFRESH, GRANTS):
        op.execute(statement)
    for table, (prefix, sequence, digits) in CODES.items():
        number = f"to_char(nextval('{sequence}'), 'FM999999999{'0' * digits}')"
        op.execute(f"ALTER TABLE {table} ALTER COLUMN code SET DEFAULT '{prefix}' || {number}")


def downgrade() -> None:
    for table, (prefix, sequence, digits) in CODES.items():
        number = f"lpad(nextval('{sequence}')::text, {digits}, '0')"
        op.execute(f"ALTER TABLE {table} ALTER COLUMN code SET DEFAULT '{prefix}' || {number}")
    op.execute("DROP FUNCTION vien_refresh_report(text, text)")
    for view in VIEWS:
        op.execute(f"DROP MATERIALIZED VIEW {view}")
    op.drop_table("report_refreshes")
