"""Seal the logs in batches."""

import sqlalchemy as sa
from alembic import op

revision = "h008"
down_revision = "h007"
branch_labels = None
depends_on = None

# Numbers of transactions go on from where they were when the rows have come to another server.
OFFSET = """
CREATE FUNCTION vien_xid_offset() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 0::bigint';
"""

# The application names what it writes; when the database wrote it, and in which transaction, it cannot say.
COLUMNS = """
ALTER TABLE audit_log ADD COLUMN basis text;
ALTER TABLE audit_log ADD COLUMN grant_id uuid;
ALTER TABLE audit_log ADD COLUMN xid bigint DEFAULT 0 NOT NULL;
ALTER TABLE audit_log ADD COLUMN recorded_at timestamptz;
ALTER TABLE audit_log ALTER COLUMN xid SET DEFAULT (pg_current_xact_id()::text::bigint + vien_xid_offset());
ALTER TABLE audit_log ALTER COLUMN recorded_at SET DEFAULT clock_timestamp();
ALTER TABLE access_log ADD COLUMN basis text;
ALTER TABLE access_log ADD COLUMN grant_id uuid;
ALTER TABLE access_log ADD COLUMN xid bigint DEFAULT 0 NOT NULL;
ALTER TABLE access_log ADD COLUMN recorded_at timestamptz;
ALTER TABLE access_log ALTER COLUMN xid SET DEFAULT (pg_current_xact_id()::text::bigint + vien_xid_offset());
ALTER TABLE access_log ALTER COLUMN recorded_at SET DEFAULT clock_timestamp();
"""

# Runs as the owner: whoever writes rows cannot write seals. The name of a log is one of those below, nothing else.
# A row is taken once its transaction, and every one before it, has ended: no later commit can bring one before it.
SEAL = """
CREATE FUNCTION vien_continue_logs() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE newest bigint; next bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
BEGIN
    SELECT greatest((SELECT max(last_xid) FROM log_seals), (SELECT max(xid) FROM audit_log),
                    (SELECT max(xid) FROM access_log)) INTO newest;
    IF newest IS NULL OR newest < next + vien_xid_offset() THEN RETURN 0; END IF;
    LOCK TABLE audit_log, access_log IN SHARE ROW EXCLUSIVE MODE;
    EXECUTE format('CREATE OR REPLACE FUNCTION vien_xid_offset() RETURNS bigint '
                   'LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L', format('SELECT %s::bigint', newest + 1));
    RETURN newest + 1;
END $$;

CREATE FUNCTION vien_seal_log(log text, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    leaf text; horizon bigint; last log_seals; batch record; sealed timestamptz; digest bytea;
    from_xid bigint := -1; from_id uuid := '00000000-0000-0000-0000-000000000000';
    previous bytea := ''; place bigint := 1;
BEGIN
    leaf := CASE log
        WHEN 'audit_log' THEN $leaf$'audit_log/1;'
            || coalesce(octet_length(id::text) || ':' || id::text, '-')
            || coalesce(to_char(at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), '-') || ';'
            || coalesce(octet_length(actor_kind::text) || ':' || actor_kind::text, '-')
            || coalesce(octet_length(actor_id::text) || ':' || actor_id::text, '-')
            || coalesce(octet_length(actor_name::text) || ':' || actor_name::text, '-')
            || coalesce(octet_length(action::text) || ':' || action::text, '-')
            || coalesce(octet_length(subject_type::text) || ':' || subject_type::text, '-')
            || coalesce(octet_length(subject_id::text) || ':' || subject_id::text, '-')
            || coalesce(octet_length(address::text) || ':' || address::text, '-')
            || coalesce(octet_length(request_id::text) || ':' || request_id::text, '-')
            || coalesce(octet_length(patient_id::text) || ':' || patient_id::text, '-')
            || coalesce(octet_length(changes::text) || ':' || changes::text, '-')
            || coalesce(octet_length(basis::text) || ':' || basis::text, '-')
            || coalesce(octet_length(grant_id::text) || ':' || grant_id::text, '-')
            || coalesce(to_char(recorded_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), '-') || ';'
            || coalesce(octet_length(xid::text) || ':' || xid::text, '-')$leaf$
        WHEN 'access_log' THEN $leaf$'access_log/1;'
            || coalesce(octet_length(id::text) || ':' || id::text, '-')
            || coalesce(to_char(at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), '-') || ';'
            || coalesce(octet_length(actor_kind::text) || ':' || actor_kind::text, '-')
            || coalesce(octet_length(actor_id::text) || ':' || actor_id::text, '-')
            || coalesce(octet_length(actor_name::text) || ':' || actor_name::text, '-')
            || coalesce(octet_length(action::text) || ':' || action::text, '-')
            || coalesce(octet_length(subject_type::text) || ':' || subject_type::text, '-')
            || coalesce(octet_length(subject_id::text) || ':' || subject_id::text, '-')
            || coalesce(octet_length(address::text) || ':' || address::text, '-')
            || coalesce(octet_length(request_id::text) || ':' || request_id::text, '-')
            || coalesce(octet_length(patient_ids::text) || ':' || patient_ids::text, '-')
            || coalesce(octet_length(basis::text) || ':' || basis::text, '-')
            || coalesce(octet_length(grant_id::text) || ':' || grant_id::text, '-')
            || coalesce(to_char(recorded_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), '-') || ';'
            || coalesce(octet_length(xid::text) || ':' || xid::text, '-')$leaf$
    END;
    IF leaf IS NULL THEN RAISE EXCEPTION '% is not sealed', log USING ERRCODE = 'VI003'; END IF;
    IF NOT pg_try_advisory_xact_lock(7310004, hashtext(log)) THEN RETURN 0; END IF;
    horizon := pg_snapshot_xmin(pg_current_snapshot())::text::bigint + vien_xid_offset();
    SELECT s.* INTO last FROM log_seals s WHERE s.log = vien_seal_log.log ORDER BY s.number DESC LIMIT 1;
    IF FOUND THEN
        from_xid := last.last_xid; from_id := last.last_id; previous := last.head; place := last.number + 1;
    END IF;
    EXECUTE format(
        'SELECT count(*)::integer AS rows, min(at) AS first_at, max(at) AS last_at,'
        ' (array_agg(xid ORDER BY xid DESC, id DESC))[1] AS last_xid,'
        ' (array_agg(id ORDER BY xid DESC, id DESC))[1] AS last_id,'
        ' string_agg(uuid_send(id) || int8send((extract(epoch FROM at) * 1000000)::bigint)'
        ' || sha256(convert_to(%1$s, ''UTF8'')), NULL::bytea ORDER BY xid, id) AS leaves'
        ' FROM (SELECT * FROM %2$I WHERE xid < $1 AND xid >= $2 AND (xid, id) > ($2, $3)'
        ' ORDER BY xid, id LIMIT $4) final', leaf, log)
    INTO batch USING horizon, from_xid, from_id, least(greatest(most, 1), 20000);
    IF batch.rows = 0 THEN RETURN 0; END IF;
    sealed := clock_timestamp();
    digest := sha256(batch.leaves);
    INSERT INTO log_seals (log, number, rows, last_xid, last_id, first_at, last_at, sealed_at, leaves, head)
    VALUES (log, place, batch.rows, batch.last_xid, batch.last_id, batch.first_at, batch.last_at, sealed, batch.leaves,
            sha256(convert_to(concat_ws('|', 'vien-seal/1', log, place, batch.rows, from_xid, from_id, batch.last_xid,
                batch.last_id, to_char(sealed AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
                encode(digest, 'hex'), encode(previous, 'hex')), 'UTF8')));
    RETURN batch.rows;
END $$;
"""

# A month is dropped whole, once it is sealed and older than any rule asks for; its seals and a certificate stay.
RETIRE = """
CREATE FUNCTION vien_retire_log_month(log text, month date, years integer, actor text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    part text := log || '_' || to_char(month, 'YYYY_MM'); kept integer := greatest(coalesce(years, 10), 10);
    until timestamptz := month + interval '1 month'; gone bigint; newest bigint; sealed bigint;
BEGIN
    IF log NOT IN ('audit_log', 'access_log') OR month <> date_trunc('month', month)::date THEN
        RAISE EXCEPTION 'no month of a log' USING ERRCODE = 'VI003';
    END IF;
    IF until > now() - make_interval(years => kept) THEN
        RAISE EXCEPTION '% is still to be kept', part USING ERRCODE = 'VI004';
    END IF;
    PERFORM pg_advisory_xact_lock(7310004, hashtext(log));
    IF to_regclass(part) IS NULL THEN RETURN -1; END IF;
    EXECUTE format('SELECT count(*), max(xid) FROM %I', part) INTO gone, newest;
    SELECT max(s.last_xid) INTO sealed FROM log_seals s WHERE s.log = vien_retire_log_month.log;
    IF gone > 0 AND (sealed IS NULL OR newest > sealed) THEN
        RAISE EXCEPTION '% is not sealed yet', part USING ERRCODE = 'VI005';
    END IF;
    EXECUTE format('DROP TABLE %I', part);
    INSERT INTO log_retirements (log, month, rows, years, retired_at, retired_by)
    VALUES (log, month, gone, kept, clock_timestamp(), actor);
    RETURN gone;
END $$;
"""

CLOSE = """
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON log_seals FOR EACH ROW EXECUTE FUNCTION vien_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON log_seals EXECUTE FUNCTION vien_refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON log_retirements
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON log_retirements EXECUTE FUNCTION vien_refuse_change();
ALTER TABLE log_seals ALTER COLUMN leaves SET STORAGE EXTERNAL;
"""

GRANTS = """
REVOKE ALL ON FUNCTION vien_seal_log(text, integer), vien_continue_logs(),
    vien_retire_log_month(text, date, integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vien_seal_log(text, integer), vien_continue_logs(),
    vien_retire_log_month(text, date, integer, text) TO vien_app, vien_sealer;
GRANT SELECT ON log_seals, log_retirements TO vien_app, vien_sealer;
REVOKE INSERT ON audit_log FROM vien_app;
GRANT INSERT (id, at, actor_kind, actor_id, actor_name, action, subject_type, subject_id,
    address, request_id, patient_id, changes, basis, grant_id) ON audit_log TO vien_app;
REVOKE INSERT ON access_log FROM vien_app;
GRANT INSERT (id, at, actor_kind, actor_id, actor_name, action, subject_type, subject_id,
    address, request_id, patient_ids, basis, grant_id) ON access_log TO vien_app;
"""


# A reader who fills the list of what a GIN index has not taken in yet waits until it has: 256 kB are some milliseconds,
# the usual 4 MB are not, and every look-up reads through that list.
SHORT_LISTS = """
CREATE FUNCTION vien_shorten_gin_lists(part regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE gin regclass;
BEGIN
    FOR gin IN SELECT i.indexrelid::regclass FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
               JOIN pg_am a ON a.oid = c.relam WHERE i.indrelid = part AND a.amname = 'gin' LOOP
        EXECUTE format('ALTER INDEX %s SET (gin_pending_list_limit = 256)', gin);
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION vien_shorten_gin_lists(regclass) FROM PUBLIC;

CREATE OR REPLACE FUNCTION vien_make_log_partition(log text, suffix text, bounds text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE part text := log || '_' || suffix;
BEGIN
    IF to_regclass(part) IS NOT NULL THEN RETURN; END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF %I %s', part, log, bounds);
    EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, vien_app', part);
    EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I EXECUTE FUNCTION vien_refuse_change()', part);
    PERFORM vien_shorten_gin_lists(to_regclass(part));
END $$;
SELECT vien_shorten_gin_lists(inhrelid) FROM pg_inherits WHERE inhparent = 'access_log'::regclass;
"""

USUAL_LISTS = """
CREATE OR REPLACE FUNCTION vien_make_log_partition(log text, suffix text, bounds text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE part text := log || '_' || suffix;
BEGIN
    IF to_regclass(part) IS NOT NULL THEN RETURN; END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF %I %s', part, log, bounds);
    EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, vien_app', part);
    EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I EXECUTE FUNCTION vien_refuse_change()', part);
END $$;
DROP FUNCTION vien_shorten_gin_lists(regclass);
DO $$
DECLARE gin regclass;
BEGIN
    FOR gin IN SELECT i.indexrelid::regclass FROM pg_inherits p JOIN pg_index i ON i.indrelid = p.inhrelid
               JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
               WHERE p.inhparent = 'access_log'::regclass AND a.amname = 'gin' LOOP
        EXECUTE format('ALTER INDEX %s RESET (gin_pending_list_limit)', gin);
    END LOOP;
END $$;
"""


def upgrade() -> None:
    op.execute(OFFSET)
    op.execute(COLUMNS)
    op.create_index("ix_audit_log_xid", "audit_log", ["xid"], unique=False)
    op.create_index("ix_audit_log_actor_id_at", "audit_log", ["actor_id", sa.literal_column("at DESC")], unique=False)
    op.create_index("ix_audit_log_action_at", "audit_log", ["action", sa.literal_column("at DESC")], unique=False)
    op.create_index("ix_audit_log_address_at", "audit_log", ["address", sa.literal_column("at DESC")], unique=False)
    op.create_index("ix_audit_log_request_id", "audit_log", ["request_id"], unique=False)
    op.create_index("ix_access_log_xid", "access_log", ["xid"], unique=False)
    op.create_index("ix_access_log_actor_id_at", "access_log", ["actor_id", sa.literal_column("at DESC")], unique=False)
    op.create_index("ix_access_log_action_at", "access_log", ["action", sa.literal_column("at DESC")], unique=False)
    op.create_index("ix_access_log_address_at", "access_log", ["address", sa.literal_column("at DESC")], unique=False)
    op.create_index("ix_access_log_request_id", "access_log", ["request_id"], unique=False)
    op.create_index(
        "ix_audit_log_patient_id_at", "audit_log", ["patient_id", sa.literal_column("at DESC")], unique=False
    )
    op.create_table(
        "log_seals",
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("last_xid", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.Uuid(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leaves", sa.LargeBinary(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log", "number", name=op.f("pk_log_seals")),
    )
    op.create_table(
        "log_retirements",
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("years", sa.Integer(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("log", "month", name=op.f("pk_log_retirements")),
    )
    op.execute(SHORT_LISTS)
    op.execute(SEAL)
    op.execute(RETIRE)
    op.execute(CLOSE)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION vien_retire_log_month(text, date, integer, text), vien_seal_log(text, integer),"
        " vien_continue_logs()"
    )
    op.execute(USUAL_LISTS)
    op.drop_table("log_retirements")
    op.drop_table("log_seals")
    op.drop_index("ix_audit_log_xid", table_name="audit_log")
    op.drop_index("ix_audit_log_actor_id_at", table_name="audit_log")
    op.drop_index("ix_audit_log_action_at", table_name="audit_log")
    op.drop_index("ix_audit_log_address_at", table_name="audit_log")
    op.drop_index("ix_audit_log_request_id", table_name="audit_log")
    op.drop_index("ix_access_log_xid", table_name="access_log")
    op.drop_index("ix_access_log_actor_id_at", table_name="access_log")
    op.drop_index("ix_access_log_action_at", table_name="access_log")
    op.drop_index("ix_access_log_address_at", table_name="access_log")
    op.drop_index("ix_access_log_request_id", table_name="access_log")
    op.drop_index("ix_audit_log_patient_id_at", table_name="audit_log")
    op.execute("REVOKE ALL ON audit_log FROM vien_app")
    op.execute("GRANT SELECT, INSERT ON audit_log TO vien_app")
    for column in ("xid", "recorded_at", "basis", "grant_id"):
        op.drop_column("audit_log", column)
    op.execute("REVOKE ALL ON access_log FROM vien_app")
    op.execute("GRANT SELECT, INSERT ON access_log TO vien_app")
    for column in ("xid", "recorded_at", "basis", "grant_id"):
        op.drop_column("access_log", column)
    op.execute("DROP FUNCTION vien_xid_offset()")
