"""Know patients better: relations, states, reversible merges, the hospital's own rules for forms, quick search."""

from alembic import op

revision = "h016"
down_revision = "h015"
branch_labels = None
depends_on = None

EDITED = """created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, created_by UUID, updated_by UUID"""
BY_PATIENT = "patient_id = vien_current_patient()"
OWN = ("patient_relations", "patient_merge_moves")

# Names in the order of their letters, for those that begin with what is sought; numbers by any part of them.
PATIENTS = """
ALTER TABLE patients ADD COLUMN inactive_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE patients ADD COLUMN inactive_reason TEXT;
CREATE INDEX ix_patients_name_order ON patients (search_name COLLATE "C", born_on, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_patients_born_on ON patients (born_on);
CREATE INDEX ix_patients_closed_cccd ON patients (cccd) WHERE deleted_at IS NOT NULL;
CREATE FUNCTION vien_numbers_key(code text, cccd text, bhyt text, phone text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT code || ' ' || coalesce(cccd, '') || ' ' || coalesce(bhyt, '') || ' ' || coalesce(phone, '')
$$;
CREATE INDEX ix_patients_numbers ON patients USING gin (vien_numbers_key(code, cccd, bhyt, phone) gin_trgm_ops)
    WHERE deleted_at IS NULL;
"""

TABLES = f"""
CREATE TABLE patient_relations (
    id UUID NOT NULL,
    patient_id UUID NOT NULL,
    kind VARCHAR(32) NOT NULL,
    related_id UUID,
    full_name TEXT,
    phone TEXT,
    is_guardian BOOLEAN DEFAULT false NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    {EDITED},
    CONSTRAINT pk_patient_relations PRIMARY KEY (id),
    CONSTRAINT fk_patient_relations_patient_id FOREIGN KEY (patient_id) REFERENCES patients (id),
    CONSTRAINT fk_patient_relations_related_id FOREIGN KEY (related_id) REFERENCES patients (id),
    CONSTRAINT ck_patient_relations_relationkind CHECK (kind IN
        ('mother', 'father', 'guardian', 'grandparent', 'spouse', 'child', 'sibling', 'other')),
    CONSTRAINT ck_patient_relations_to_another CHECK (patient_id <> related_id),
    CONSTRAINT ck_patient_relations_patient_or_name CHECK ((related_id IS NULL) <> (full_name IS NULL)),
    CONSTRAINT ck_patient_relations_phone_is_e164 CHECK (phone ~ '^[+][0-9]{{8,15}}$')
);
CREATE INDEX ix_patient_relations_patient_id ON patient_relations (patient_id);
CREATE INDEX ix_patient_relations_related_id ON patient_relations (related_id);
CREATE UNIQUE INDEX uq_patient_relations_once ON patient_relations (patient_id, related_id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX uq_patient_relations_person ON patient_relations (patient_id, kind, full_name, phone)
    NULLS NOT DISTINCT WHERE deleted_at IS NULL AND related_id IS NULL;

ALTER TABLE patient_merges ADD COLUMN allergy_state_before VARCHAR(32);
CREATE TABLE patient_merge_moves (
    patient_id UUID NOT NULL,
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    row_id UUID NOT NULL,
    CONSTRAINT pk_patient_merge_moves PRIMARY KEY (patient_id, table_name, column_name, row_id),
    CONSTRAINT fk_patient_merge_moves_patient_id FOREIGN KEY (patient_id)
        REFERENCES patient_merges (patient_id) ON DELETE CASCADE
);

CREATE TABLE validation_schemas (
    form TEXT NOT NULL,
    schema JSONB NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    {EDITED},
    CONSTRAINT pk_validation_schemas PRIMARY KEY (form),
    CONSTRAINT ck_validation_schemas_is_object CHECK (jsonb_typeof(schema) = 'object')
);
"""

# Whatever refers to a patient is moved, in tables of later revisions too, and each row that was moved is written down.
# What proves something about a registration itself stays with it. Frozen rows are as frozen as before: only whose they
# are changes, and only in here.
FUNCTIONS = """
CREATE FUNCTION vien_join_patient(second uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE first uuid; part record; but text; n bigint; done jsonb := '{}';
BEGIN
    SELECT into_id INTO first FROM patient_merges WHERE patient_id = second FOR UPDATE;
    IF first IS NULL OR EXISTS (SELECT 1 FROM patient_merge_moves WHERE patient_id = second) THEN
        RAISE EXCEPTION 'there is no merge to perform' USING ERRCODE = 'VI003';
    END IF;
    PERFORM set_config('vien.erasing', 'on', true);
    FOR part IN SELECT t.relname, a.attname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1]
        JOIN pg_attribute i ON i.attrelid = t.oid AND i.attname = 'id' AND i.atttypid = 'uuid'::regtype
        WHERE c.contype = 'f' AND c.confrelid = 'patients'::regclass AND cardinality(c.conkey) = 1
            AND c.conparentid = 0 AND t.relname NOT IN ('patient_users', 'erasures', 'emergency_access', 'own_exports')
        ORDER BY t.relname, a.attname
    LOOP
        but := CASE part.relname
            WHEN 'patient_allergies' THEN 'x.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM patient_allergies o '
                'WHERE o.patient_id = $2 AND o.deleted_at IS NULL AND lower(o.substance) = lower(x.substance))'
            WHEN 'patient_relations' THEN 'x.deleted_at IS NULL AND coalesce(x.related_id, $1) <> $2 '
                'AND x.patient_id <> $2 AND NOT EXISTS (SELECT 1 FROM patient_relations o WHERE o.deleted_at IS NULL '
                'AND ((x.patient_id, o.patient_id) = ($1, $2) AND (o.related_id = x.related_id '
                'OR (x.kind, x.full_name) = (o.kind, o.full_name) AND x.phone IS NOT DISTINCT FROM o.phone) '
                'OR (x.related_id, o.related_id) = ($1, $2) AND o.patient_id = x.patient_id))'
            ELSE 'true' END;
        EXECUTE format('WITH moved AS (UPDATE %1$I x SET %2$I = $2 WHERE x.%2$I = $1 AND (%3$s) RETURNING x.id) '
                       'INSERT INTO patient_merge_moves SELECT $1, %1$L, %2$L, id FROM moved',
                       part.relname, part.attname, but) USING second, first;
        GET DIAGNOSTICS n = ROW_COUNT;
        IF n > 0 THEN done := done || jsonb_build_object(part.relname, n); END IF;
    END LOOP;
    PERFORM set_config('vien.erasing', '', true);
    -- What either of the two did not want to be told stays untold; it is kept when they are parted again, too.
    INSERT INTO message_preferences (patient_id, channels, locale, muted)
        SELECT first, channels, locale, muted FROM message_preferences WHERE patient_id = second
        ON CONFLICT (patient_id) DO UPDATE SET version = message_preferences.version + 1, updated_at = now(),
            muted = ARRAY(SELECT DISTINCT unnest(message_preferences.muted || EXCLUDED.muted) ORDER BY 1),
            channels = coalesce(nullif(ARRAY(SELECT c FROM unnest(message_preferences.channels) WITH ORDINALITY u(c, i)
                                             WHERE c = ANY (EXCLUDED.channels) ORDER BY i), '{}'),
                                nullif(message_preferences.channels, '{}'), EXCLUDED.channels);
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n > 0 THEN done := done || jsonb_build_object('message_preferences', n); END IF;
    WITH moved AS (UPDATE patient_merges SET into_id = first WHERE into_id = second RETURNING patient_id)
        INSERT INTO patient_merge_moves SELECT second, 'patient_merges', 'into_id', patient_id FROM moved;
    RETURN done;
END $$;

-- Only what was moved goes back, and of it only what is still where it was moved to; no other merge claims it then.
CREATE FUNCTION vien_part_patient(second uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE first uuid; part record; n bigint; done jsonb := '{}';
BEGIN
    SELECT into_id INTO first FROM patient_merges WHERE patient_id = second FOR UPDATE;
    IF first IS NULL THEN RAISE EXCEPTION 'there is no merge to undo' USING ERRCODE = 'VI003'; END IF;
    PERFORM set_config('vien.erasing', 'on', true);
    FOR part IN SELECT DISTINCT table_name, column_name, CASE table_name WHEN 'patient_merges' THEN 'patient_id'
                ELSE 'id' END AS key FROM patient_merge_moves WHERE patient_id = second ORDER BY 1, 2
    LOOP
        EXECUTE format('WITH back AS (UPDATE %1$I SET %2$I = $1 WHERE %2$I = $2 AND %3$I IN (SELECT row_id '
                       'FROM patient_merge_moves WHERE patient_id = $1 AND table_name = %1$L AND column_name = %2$L) '
                       'RETURNING %3$I AS key), gone AS (DELETE FROM patient_merge_moves o USING back '
                       'WHERE o.patient_id <> $1 AND (o.table_name, o.column_name) = (%1$L, %2$L) AND o.row_id = key) '
                       'SELECT count(*) FROM back', part.table_name, part.column_name, part.key)
            INTO n USING second, first;
        IF n > 0 THEN done := done || jsonb_build_object(part.table_name, n); END IF;
    END LOOP;
    PERFORM set_config('vien.erasing', '', true);
    DELETE FROM patient_merge_moves WHERE table_name = 'patient_merges' AND row_id = second;
    DELETE FROM patient_merges WHERE patient_id = second;
    RETURN done;
END $$;
REVOKE ALL ON FUNCTION vien_join_patient(uuid), vien_part_patient(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vien_join_patient(uuid), vien_part_patient(uuid) TO vien_app;

-- Nothing is begun for somebody who has died, nor under a registration that was closed meanwhile: the lock waits for
-- whoever closes it.
CREATE FUNCTION vien_refuse_for_deceased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE died date; closed timestamptz;
BEGIN
    SELECT deceased_on, deleted_at INTO died, closed FROM patients WHERE id = NEW.patient_id FOR KEY SHARE;
    IF closed IS NOT NULL THEN
        RAISE EXCEPTION 'this registration is closed' USING ERRCODE = '23514', CONSTRAINT = 'patient_is_not_closed';
    ELSIF died IS NOT NULL THEN
        RAISE EXCEPTION 'this patient has died' USING ERRCODE = '23514', CONSTRAINT = 'patient_is_alive';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_for_deceased BEFORE INSERT ON appointments
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_deceased();
CREATE TRIGGER refuse_for_deceased BEFORE INSERT ON prescriptions
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_deceased();

-- Nothing clinical is written under a registration that was closed meanwhile, where nobody would look for it.
CREATE FUNCTION vien_refuse_for_closed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM patients WHERE id = NEW.patient_id FOR KEY SHARE;
    IF EXISTS (SELECT 1 FROM patients WHERE id = NEW.patient_id AND deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'this registration is closed' USING ERRCODE = '23514', CONSTRAINT = 'patient_is_not_closed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_when_closed BEFORE INSERT ON medical_records
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_closed();
CREATE TRIGGER refuse_when_closed BEFORE INSERT ON vital_signs
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_closed();

-- Registrations that were joined to somebody name the same person: they are cleared with the one that they lead to.
CREATE FUNCTION vien_erase_joined() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    seconds uuid[] := ARRAY(SELECT patient_id FROM patient_merges WHERE into_id = NEW.id);
    whole boolean := EXISTS (SELECT 1 FROM erasures WHERE patient_id = NEW.id AND kind = 'erase' AND state = 'approved');
BEGIN
    DELETE FROM patient_allergies WHERE whole AND patient_id = ANY (seconds);
    UPDATE own_exports SET ended_at = coalesce(ended_at, now()), error = NULL WHERE patient_id = ANY (seconds);
    UPDATE patients SET
        full_name = NEW.full_name,
        born_on = CASE WHEN whole THEN NEW.born_on ELSE date_trunc('year', born_on)::date END,
        sex = CASE WHEN whole THEN NEW.sex ELSE sex END,
        allergy_state = CASE WHEN whole THEN NEW.allergy_state ELSE allergy_state END,
        cccd = NULL, bhyt = NULL, phone = NULL, email = NULL, province = NULL, ward = NULL, street = NULL,
        old_district = NULL, erased_at = NEW.erased_at, updated_at = now(), version = version + 1
        WHERE id = ANY (seconds);
    RETURN NEW;
END $$;
CREATE TRIGGER erase_joined AFTER UPDATE OF erased_at ON patients FOR EACH ROW
    WHEN (NEW.erased_at IS NOT NULL) EXECUTE FUNCTION vien_erase_joined();

-- Who somebody is related to goes with the person, on both sides.
CREATE FUNCTION vien_erase_relations() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM patient_relations WHERE NEW.id IN (patient_id, related_id);
    NEW.inactive_reason := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER erase_relations BEFORE UPDATE OF erased_at ON patients FOR EACH ROW
    WHEN (NEW.erased_at IS NOT NULL) EXECUTE FUNCTION vien_erase_relations();
CREATE TRIGGER refuse_for_erased BEFORE INSERT ON patient_relations
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_erased();
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON patient_relations, validation_schemas TO vien_app;
GRANT SELECT ON patient_merge_moves TO vien_app;
GRANT SELECT ON patient_relations TO vien_patient;
"""


def upgrade() -> None:
    for part in (PATIENTS, TABLES, FUNCTIONS):
        op.execute(part)
    for table in OWN:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY everybodys ON {table} TO vien_app USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY ones_own ON {table} TO vien_patient USING ({BY_PATIENT}) WITH CHECK ({BY_PATIENT})")
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("""
    DROP TRIGGER erase_relations ON patients;
    DROP TRIGGER erase_joined ON patients;
    DROP TRIGGER refuse_when_closed ON medical_records;
    DROP TRIGGER refuse_when_closed ON vital_signs;
    DROP TRIGGER refuse_for_deceased ON appointments;
    DROP TRIGGER refuse_for_deceased ON prescriptions;
    DROP TABLE patient_relations, patient_merge_moves, validation_schemas;
    DROP FUNCTION vien_join_patient(uuid), vien_part_patient(uuid), vien_refuse_for_deceased(), vien_erase_relations(),
        vien_erase_joined(), vien_refuse_for_closed();
    ALTER TABLE patient_merges DROP COLUMN allergy_state_before;
    DROP INDEX ix_patients_numbers, ix_patients_closed_cccd, ix_patients_born_on, ix_patients_name_order;
    DROP FUNCTION vien_numbers_key(text, text, text, text);
    ALTER TABLE patients DROP COLUMN inactive_reason, DROP COLUMN inactive_at;
    """)
