"""Write encounters: templates, problem lists, early-warning scores."""

from alembic import op

revision = "h018"
down_revision = "h017"
branch_labels = None
depends_on = None

BY_PATIENT = "patient_id = vien_current_patient()"
EDITED = """created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, created_by UUID, updated_by UUID"""

TRIAGE = """
ALTER TABLE vital_signs ADD COLUMN on_oxygen BOOLEAN;
ALTER TABLE vital_signs ADD COLUMN consciousness VARCHAR(32);
ALTER TABLE vital_signs ADD COLUMN spo2_scale SMALLINT DEFAULT 1 NOT NULL;
ALTER TABLE vital_signs ADD CONSTRAINT ck_vital_signs_consciousness
    CHECK (consciousness IN ('alert', 'confusion', 'voice', 'pain', 'unresponsive'));
ALTER TABLE vital_signs ADD CONSTRAINT ck_vital_signs_spo2_scale CHECK (spo2_scale IN (1, 2));
ALTER TABLE vital_signs DROP CONSTRAINT ck_vital_signs_systolic;
ALTER TABLE vital_signs
    ADD CONSTRAINT ck_vital_signs_systolic CHECK (systolic BETWEEN 0 AND 350) NOT VALID;
ALTER TABLE vital_signs VALIDATE CONSTRAINT ck_vital_signs_systolic;
"""

TEMPLATES = f"""
CREATE TABLE record_templates (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    department_id UUID,
    complaint TEXT DEFAULT '' NOT NULL,
    history TEXT DEFAULT '' NOT NULL,
    examination TEXT DEFAULT '' NOT NULL,
    assessment TEXT DEFAULT '' NOT NULL,
    plan TEXT DEFAULT '' NOT NULL,
    retired_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    {EDITED},
    CONSTRAINT pk_record_templates PRIMARY KEY (id),
    CONSTRAINT fk_record_templates_department_id FOREIGN KEY (department_id) REFERENCES departments (id),
    CONSTRAINT ck_record_templates_name_has_text CHECK (length(name) BETWEEN 1 AND 120)
);
CREATE INDEX ix_record_templates_department_id ON record_templates (department_id);
CREATE UNIQUE INDEX uq_record_templates_name ON record_templates (name) WHERE retired_at IS NULL;
"""

PROBLEMS = f"""
CREATE TABLE patient_conditions (
    id UUID NOT NULL,
    patient_id UUID NOT NULL,
    code TEXT,
    title TEXT NOT NULL,
    title_en TEXT,
    status VARCHAR(32) NOT NULL,
    onset TEXT,
    note TEXT,
    struck_at TIMESTAMP WITH TIME ZONE,
    strike_reason TEXT,
    version INTEGER DEFAULT 1 NOT NULL,
    {EDITED},
    CONSTRAINT pk_patient_conditions PRIMARY KEY (id),
    CONSTRAINT fk_patient_conditions_patient_id FOREIGN KEY (patient_id) REFERENCES patients (id),
    CONSTRAINT ck_patient_conditions_conditionstatus CHECK (status IN ('active', 'resolved')),
    CONSTRAINT ck_patient_conditions_title_has_text CHECK (length(title) BETWEEN 1 AND 300),
    CONSTRAINT ck_patient_conditions_onset CHECK (onset ~ '^[0-9]{{4}}(-[0-9]{{2}}(-[0-9]{{2}})?)?$'),
    CONSTRAINT ck_patient_conditions_struck_for_a_reason CHECK ((struck_at IS NULL) = (strike_reason IS NULL))
);
CREATE INDEX ix_patient_conditions_patient_id ON patient_conditions (patient_id);
"""

# What was struck out stays as it was. Where a patient's clinical data is erased, or the last of the records is purged
# when its time is over, the problems go with them.
KEEPING = """
CREATE FUNCTION vien_keep_struck() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF vien_may_erase(TG_RELID) THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;
    IF TG_OP = 'UPDATE' AND (OLD.struck_at IS NULL
        OR vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'patient_id', 'updated_at', 'updated_by', 'version'))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was struck out is never changed' USING ERRCODE = 'VI002';
END $$;
CREATE TRIGGER keep_struck BEFORE UPDATE OR DELETE ON patient_conditions
    FOR EACH ROW EXECUTE FUNCTION vien_keep_struck();

CREATE FUNCTION vien_erase_problems() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM erasures WHERE patient_id = NEW.id AND state = 'approved' AND kind = 'erase') THEN
        DELETE FROM patient_conditions WHERE patient_id = NEW.id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER erase_problems AFTER UPDATE OF erased_at ON patients FOR EACH ROW
    WHEN (NEW.erased_at IS NOT NULL) EXECUTE FUNCTION vien_erase_problems();

CREATE FUNCTION vien_purge_problems() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM patient_conditions c USING (SELECT DISTINCT patient_id FROM gone WHERE status <> 'draft') g
        WHERE c.patient_id = g.patient_id
        AND NOT EXISTS (SELECT 1 FROM medical_records m WHERE m.patient_id = g.patient_id);
    RETURN NULL;
END $$;
CREATE TRIGGER purge_problems AFTER DELETE ON medical_records REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION vien_purge_problems();
CREATE TRIGGER refuse_for_erased BEFORE INSERT ON patient_conditions
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_erased();
"""

CLASSIFICATION = f"""
CREATE TABLE icd10_titles (
    code TEXT NOT NULL,
    title_vi TEXT NOT NULL,
    search_title TEXT GENERATED ALWAYS AS (vien_search_key(title_vi)) STORED NOT NULL,
    {EDITED},
    CONSTRAINT pk_icd10_titles PRIMARY KEY (code),
    CONSTRAINT ck_icd10_titles_title_has_text CHECK (length(title_vi) BETWEEN 1 AND 500)
);
CREATE INDEX ix_icd10_titles_search_title ON icd10_titles USING gin (search_title gin_trgm_ops);
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON record_templates, patient_conditions TO vien_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON icd10_titles TO vien_app;
"""


def upgrade() -> None:
    for part in (TRIAGE, TEMPLATES, PROBLEMS, KEEPING, CLASSIFICATION):
        op.execute(part)
    op.execute("ALTER TABLE patient_conditions ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY everybodys ON patient_conditions TO vien_app USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY ones_own ON patient_conditions TO vien_patient USING ({BY_PATIENT})")
    op.execute(GRANTS)


def downgrade() -> None:
    # Where a blood pressure of 0 stands the older constraint refuses it, and nothing is changed.
    op.execute("""
    DROP TRIGGER purge_problems ON medical_records;
    DROP TRIGGER erase_problems ON patients;
    DROP TABLE icd10_titles, patient_conditions, record_templates;
    DROP FUNCTION vien_purge_problems(), vien_erase_problems(), vien_keep_struck();
    ALTER TABLE vital_signs DROP CONSTRAINT ck_vital_signs_systolic;
    ALTER TABLE vital_signs ADD CONSTRAINT ck_vital_signs_systolic CHECK (systolic BETWEEN 20 AND 350);
    ALTER TABLE vital_signs DROP COLUMN spo2_scale, DROP COLUMN consciousness, DROP COLUMN on_oxygen;
    """)
