"""Run the laboratory: catalogue, orders, specimens, results, reports."""

from alembic import op

revision = "h022"
down_revision = "h021"
branch_labels = None
depends_on = None

BY_PATIENT = "patient_id = vien_current_patient()"
# A patient sees what was ordered, and of the results those that stand and were released.
OWN = {
    "lab_orders": BY_PATIENT,
    "lab_specimens": BY_PATIENT,
    "lab_order_items": BY_PATIENT,
    "lab_reports": f"{BY_PATIENT} AND is_current AND released_at <= now()",
    "lab_results": BY_PATIENT + " AND report_id IN (SELECT id FROM lab_reports)",  # noqa: S608
}

CATALOGUE = """
CREATE TABLE lab_tests (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT,
    search_name TEXT
        GENERATED ALWAYS AS (vien_search_key(code || ' ' || name || ' ' || coalesce(name_en, ''))) STORED NOT NULL,
    kind VARCHAR(32) NOT NULL,
    category TEXT NOT NULL,
    specimen VARCHAR(32),
    preparation TEXT,
    turnaround_minutes INTEGER,
    is_active BOOLEAN DEFAULT true NOT NULL,
    position INTEGER DEFAULT 0 NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by UUID,
    updated_by UUID,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_lab_tests PRIMARY KEY (id),
    CONSTRAINT ck_lab_tests_specimen_unless_imaging CHECK ((kind = 'imaging') = (specimen IS NULL)),
    CONSTRAINT ck_lab_tests_turnaround CHECK (turnaround_minutes > 0),
    CONSTRAINT uq_lab_tests_code UNIQUE (code),
    CONSTRAINT ck_lab_tests_labkind CHECK (kind IN ('laboratory', 'imaging')),
    CONSTRAINT ck_lab_tests_specimenkind
        CHECK (specimen IN ('blood_edta', 'blood_serum', 'blood_citrate', 'blood_fluoride', 'blood_culture',
            'urine', 'stool', 'sputum', 'swab', 'other'))
);
CREATE INDEX ix_lab_tests_search_name ON lab_tests USING gin (search_name gin_trgm_ops);
CREATE TABLE lab_analytes (
    test_id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT,
    value_kind VARCHAR(32) NOT NULL,
    unit TEXT,
    decimals INTEGER DEFAULT 1 NOT NULL,
    choices TEXT[] DEFAULT '{}' NOT NULL,
    normal_choices TEXT[] DEFAULT '{}' NOT NULL,
    critical_choices TEXT[] DEFAULT '{}' NOT NULL,
    physical_low NUMERIC,
    physical_high NUMERIC,
    critical_low NUMERIC,
    critical_high NUMERIC,
    explanation TEXT,
    is_active BOOLEAN DEFAULT true NOT NULL,
    position INTEGER DEFAULT 0 NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by UUID,
    updated_by UUID,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_lab_analytes PRIMARY KEY (id),
    CONSTRAINT ck_lab_analytes_decimals CHECK (decimals BETWEEN 0 AND 6),
    CONSTRAINT ck_lab_analytes_physical_limits CHECK (physical_low < physical_high),
    CONSTRAINT ck_lab_analytes_critical_limits CHECK (critical_low < critical_high),
    CONSTRAINT ck_lab_analytes_limits_in_order
        CHECK (critical_low >= physical_low AND critical_high <= physical_high
            AND critical_low <= physical_high AND critical_high >= physical_low),
    CONSTRAINT ck_lab_analytes_choices CHECK ((value_kind = 'choice') = (cardinality(choices) > 0)),
    CONSTRAINT ck_lab_analytes_normal_choices CHECK (normal_choices <@ choices),
    CONSTRAINT ck_lab_analytes_critical_choices
        CHECK (critical_choices <@ choices AND NOT critical_choices && normal_choices),
    CONSTRAINT fk_lab_analytes_test_id FOREIGN KEY(test_id) REFERENCES lab_tests (id),
    CONSTRAINT uq_lab_analytes_code UNIQUE (code),
    CONSTRAINT ck_lab_analytes_valuekind CHECK (value_kind IN ('number', 'choice', 'text'))
);
CREATE INDEX ix_lab_analytes_test_id_position ON lab_analytes (test_id, position);
CREATE TABLE lab_reference_ranges (
    analyte_id UUID NOT NULL,
    sex VARCHAR(32),
    from_days INTEGER DEFAULT 0 NOT NULL,
    until_days INTEGER,
    low NUMERIC,
    high NUMERIC,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by UUID,
    updated_by UUID,
    CONSTRAINT pk_lab_reference_ranges PRIMARY KEY (id),
    CONSTRAINT ck_lab_reference_ranges_ages CHECK (from_days >= 0 AND until_days > from_days),
    CONSTRAINT ck_lab_reference_ranges_says_something CHECK (low IS NOT NULL OR high IS NOT NULL),
    CONSTRAINT ck_lab_reference_ranges_low_below_high CHECK (low <= high),
    CONSTRAINT ex_lab_reference_ranges_one_at_an_age
        EXCLUDE USING gist (analyte_id WITH =, coalesce(sex, '') WITH =, int4range(from_days, until_days) WITH &&),
    CONSTRAINT fk_lab_reference_ranges_analyte_id FOREIGN KEY(analyte_id) REFERENCES lab_analytes (id),
    CONSTRAINT ck_lab_reference_ranges_sex CHECK (sex IN ('male', 'female', 'other'))
);
CREATE INDEX ix_lab_reference_ranges_analyte_id ON lab_reference_ranges (analyte_id);
CREATE TABLE lab_panels (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT,
    is_active BOOLEAN DEFAULT true NOT NULL,
    position INTEGER DEFAULT 0 NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by UUID,
    updated_by UUID,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_lab_panels PRIMARY KEY (id),
    CONSTRAINT uq_lab_panels_code UNIQUE (code)
);
CREATE TABLE lab_panel_tests (
    panel_id UUID NOT NULL,
    test_id UUID NOT NULL,
    CONSTRAINT pk_lab_panel_tests PRIMARY KEY (panel_id, test_id),
    CONSTRAINT fk_lab_panel_tests_panel_id FOREIGN KEY(panel_id) REFERENCES lab_panels (id),
    CONSTRAINT fk_lab_panel_tests_test_id FOREIGN KEY(test_id) REFERENCES lab_tests (id)
);
CREATE INDEX ix_lab_panel_tests_test_id ON lab_panel_tests (test_id);
"""

ORDERS = """
CREATE SEQUENCE lab_order_code_seq;
CREATE SEQUENCE lab_specimen_code_seq;
CREATE TABLE lab_orders (
    code TEXT DEFAULT 'XN-' || to_char(nextval('lab_order_code_seq'), 'FM999999999000000') NOT NULL,
    patient_id UUID NOT NULL,
    appointment_id UUID,
    department_id UUID,
    ordered_by UUID NOT NULL,
    ordered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    priority VARCHAR(32) NOT NULL,
    clinical_note TEXT,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by UUID,
    updated_by UUID,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_lab_orders PRIMARY KEY (id),
    CONSTRAINT uq_lab_orders_code UNIQUE (code),
    CONSTRAINT fk_lab_orders_patient_id FOREIGN KEY(patient_id) REFERENCES patients (id),
    CONSTRAINT fk_lab_orders_appointment_id FOREIGN KEY(appointment_id) REFERENCES appointments (id),
    CONSTRAINT fk_lab_orders_department_id FOREIGN KEY(department_id) REFERENCES departments (id),
    CONSTRAINT fk_lab_orders_ordered_by FOREIGN KEY(ordered_by) REFERENCES staff_users (id),
    CONSTRAINT ck_lab_orders_labpriority CHECK (priority IN ('routine', 'urgent'))
);
CREATE INDEX ix_lab_orders_appointment_id ON lab_orders (appointment_id);
CREATE INDEX ix_lab_orders_department_id ON lab_orders (department_id);
CREATE INDEX ix_lab_orders_ordered_by_ordered_at ON lab_orders (ordered_by, ordered_at DESC);
CREATE INDEX ix_lab_orders_patient_id_ordered_at ON lab_orders (patient_id, ordered_at DESC);
CREATE TABLE lab_specimens (
    code TEXT DEFAULT 'M' || to_char(nextval('lab_specimen_code_seq'), 'FM99999999900000000') NOT NULL,
    order_id UUID NOT NULL,
    patient_id UUID NOT NULL,
    kind VARCHAR(32) NOT NULL,
    collected_at TIMESTAMP WITH TIME ZONE NOT NULL,
    collected_by UUID NOT NULL,
    rejected_at TIMESTAMP WITH TIME ZONE,
    rejected_by UUID,
    reject_reason TEXT,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by UUID,
    updated_by UUID,
    CONSTRAINT pk_lab_specimens PRIMARY KEY (id),
    CONSTRAINT ck_lab_specimens_rejected_for_a_reason
        CHECK ((rejected_at IS NULL) = (reject_reason IS NULL) AND (rejected_at IS NULL) = (rejected_by IS NULL)),
    CONSTRAINT uq_lab_specimens_code UNIQUE (code),
    CONSTRAINT fk_lab_specimens_order_id FOREIGN KEY(order_id) REFERENCES lab_orders (id),
    CONSTRAINT fk_lab_specimens_patient_id FOREIGN KEY(patient_id) REFERENCES patients (id),
    CONSTRAINT ck_lab_specimens_specimenkind
        CHECK (kind IN ('blood_edta', 'blood_serum', 'blood_citrate', 'blood_fluoride', 'blood_culture',
            'urine', 'stool', 'sputum', 'swab', 'other'))
);
CREATE INDEX ix_lab_specimens_order_id ON lab_specimens (order_id);
CREATE INDEX ix_lab_specimens_patient_id ON lab_specimens (patient_id);
CREATE TABLE lab_order_items (
    order_id UUID NOT NULL,
    patient_id UUID NOT NULL,
    test_id UUID NOT NULL,
    test_name TEXT NOT NULL,
    kind VARCHAR(32) NOT NULL,
    specimen VARCHAR(32),
    specimen_id UUID,
    status VARCHAR(32) NOT NULL,
    cancelled_at TIMESTAMP WITH TIME ZONE,
    cancelled_by UUID,
    cancel_reason TEXT,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by UUID,
    updated_by UUID,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_lab_order_items PRIMARY KEY (id),
    CONSTRAINT uq_lab_order_items_order_id_test_id UNIQUE (order_id, test_id),
    CONSTRAINT ck_lab_order_items_cancelled_at CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CONSTRAINT ck_lab_order_items_cancelled_for_a_reason CHECK ((cancelled_at IS NULL) = (cancel_reason IS NULL)),
    CONSTRAINT ck_lab_order_items_collected_before_results
        CHECK (kind = 'imaging' OR specimen_id IS NOT NULL OR status IN ('ordered', 'cancelled')),
    CONSTRAINT fk_lab_order_items_order_id FOREIGN KEY(order_id) REFERENCES lab_orders (id),
    CONSTRAINT fk_lab_order_items_patient_id FOREIGN KEY(patient_id) REFERENCES patients (id),
    CONSTRAINT fk_lab_order_items_test_id FOREIGN KEY(test_id) REFERENCES lab_tests (id),
    CONSTRAINT ck_lab_order_items_labkind CHECK (kind IN ('laboratory', 'imaging')),
    CONSTRAINT ck_lab_order_items_specimenkind
        CHECK (specimen IN ('blood_edta', 'blood_serum', 'blood_citrate', 'blood_fluoride', 'blood_culture',
            'urine', 'stool', 'sputum', 'swab', 'other')),
    CONSTRAINT fk_lab_order_items_specimen_id FOREIGN KEY(specimen_id) REFERENCES lab_specimens (id),
    CONSTRAINT ck_lab_order_items_itemstatus
        CHECK (status IN ('ordered', 'collected', 'entered', 'verified', 'cancelled'))
);
CREATE INDEX ix_lab_order_items_open ON lab_order_items (status, order_id)
        WHERE status IN ('ordered', 'collected', 'entered');
CREATE INDEX ix_lab_order_items_patient_id ON lab_order_items (patient_id);
CREATE INDEX ix_lab_order_items_specimen_id ON lab_order_items (specimen_id);
CREATE INDEX ix_lab_order_items_test_id ON lab_order_items (test_id);
"""

RESULTS = """
CREATE TABLE lab_reports (
    item_id UUID NOT NULL,
    order_id UUID NOT NULL,
    patient_id UUID NOT NULL,
    ordered_by UUID NOT NULL,
    number INTEGER NOT NULL,
    parent_id UUID,
    status VARCHAR(32) NOT NULL,
    is_current BOOLEAN DEFAULT false NOT NULL,
    observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    findings TEXT,
    interpretation TEXT,
    correction_reason TEXT,
    entered_by UUID NOT NULL,
    entered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    contributors UUID[] DEFAULT '{}' NOT NULL,
    not_measured TEXT[] DEFAULT '{}' NOT NULL,
    called_critical BOOLEAN DEFAULT false NOT NULL,
    verified_by UUID,
    verified_at TIMESTAMP WITH TIME ZONE,
    has_critical BOOLEAN DEFAULT false NOT NULL,
    has_abnormal BOOLEAN DEFAULT false NOT NULL,
    acknowledged_by UUID,
    acknowledged_at TIMESTAMP WITH TIME ZONE,
    reviewed_by UUID,
    reviewed_at TIMESTAMP WITH TIME ZONE,
    released_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by UUID,
    updated_by UUID,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_lab_reports PRIMARY KEY (id),
    CONSTRAINT uq_lab_reports_item_id_number UNIQUE (item_id, number),
    CONSTRAINT ck_lab_reports_verified_by_another CHECK (verified_by <> entered_by),
    CONSTRAINT ck_lab_reports_verified_by_somebody
        CHECK ((status = 'draft') = (verified_at IS NULL) AND (verified_at IS NULL) = (verified_by IS NULL)),
    CONSTRAINT ck_lab_reports_called_critical_is_critical CHECK (NOT called_critical OR has_critical),
    CONSTRAINT ck_lab_reports_current_is_verified CHECK (NOT is_current OR status = 'verified'),
    CONSTRAINT ck_lab_reports_corrects_its_parent CHECK ((number = 1) = (parent_id IS NULL)),
    CONSTRAINT ck_lab_reports_corrected_for_a_reason CHECK ((number = 1) = (correction_reason IS NULL)),
    CONSTRAINT ck_lab_reports_acknowledged_by_somebody
        CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL) AND (acknowledged_at IS NULL OR has_critical)),
    CONSTRAINT ck_lab_reports_reviewed_by_somebody
        CHECK ((reviewed_at IS NULL) = (reviewed_by IS NULL) AND (reviewed_at IS NULL OR status <> 'draft')),
    CONSTRAINT ck_lab_reports_released_once_verified CHECK (released_at IS NULL OR status <> 'draft'),
    CONSTRAINT fk_lab_reports_item_id FOREIGN KEY(item_id) REFERENCES lab_order_items (id),
    CONSTRAINT fk_lab_reports_order_id FOREIGN KEY(order_id) REFERENCES lab_orders (id),
    CONSTRAINT fk_lab_reports_patient_id FOREIGN KEY(patient_id) REFERENCES patients (id),
    CONSTRAINT fk_lab_reports_ordered_by FOREIGN KEY(ordered_by) REFERENCES staff_users (id),
    CONSTRAINT fk_lab_reports_parent_id FOREIGN KEY(parent_id) REFERENCES lab_reports (id),
    CONSTRAINT ck_lab_reports_reportstatus CHECK (status IN ('draft', 'verified', 'corrected'))
);
CREATE INDEX ix_lab_reports_inbox ON lab_reports (ordered_by, verified_at) WHERE is_current AND reviewed_at IS NULL;
CREATE INDEX ix_lab_reports_order_id ON lab_reports (order_id);
CREATE INDEX ix_lab_reports_ordered_by ON lab_reports (ordered_by);
CREATE INDEX ix_lab_reports_parent_id ON lab_reports (parent_id);
CREATE INDEX ix_lab_reports_patient_id_observed_at ON lab_reports (patient_id, observed_at DESC);
CREATE INDEX ix_lab_reports_unacknowledged ON lab_reports (verified_at)
        WHERE is_current AND has_critical AND acknowledged_at IS NULL;
CREATE UNIQUE INDEX uq_lab_reports_current ON lab_reports (item_id) WHERE is_current;
CREATE UNIQUE INDEX uq_lab_reports_draft ON lab_reports (item_id) WHERE status = 'draft';
CREATE TABLE lab_results (
    report_id UUID NOT NULL,
    analyte_id UUID NOT NULL,
    patient_id UUID NOT NULL,
    observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    name TEXT NOT NULL,
    unit TEXT,
    comparator TEXT,
    value NUMERIC,
    text TEXT,
    flag VARCHAR(32),
    range_low NUMERIC,
    range_high NUMERIC,
    position INTEGER DEFAULT 0 NOT NULL,
    entered_by UUID NOT NULL,
    entered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_lab_results PRIMARY KEY (id),
    CONSTRAINT uq_lab_results_report_id_analyte_id UNIQUE (report_id, analyte_id),
    CONSTRAINT ck_lab_results_value_or_text CHECK ((value IS NULL) <> (text IS NULL)),
    CONSTRAINT ck_lab_results_comparator
        CHECK (comparator IS NULL OR (comparator IN ('<', '>') AND value IS NOT NULL)),
    CONSTRAINT fk_lab_results_report_id FOREIGN KEY(report_id) REFERENCES lab_reports (id),
    CONSTRAINT fk_lab_results_analyte_id FOREIGN KEY(analyte_id) REFERENCES lab_analytes (id),
    CONSTRAINT fk_lab_results_patient_id FOREIGN KEY(patient_id) REFERENCES patients (id),
    CONSTRAINT ck_lab_results_flag
        CHECK (flag IN ('normal', 'low', 'high', 'critical_low', 'critical_high', 'abnormal', 'critical'))
);
CREATE INDEX ix_lab_results_analyte_id ON lab_results (analyte_id);
CREATE INDEX ix_lab_results_patient_id_analyte_id_observed_at ON lab_results (patient_id, analyte_id,
            observed_at DESC);
"""

# What is verified stays as it was verified: afterwards only who took note of it, when the patient sees it, and that a
# newer version has taken its place are written down. Who entered a value of a report or wrote in it never verifies it.
FREEZE = """
CREATE FUNCTION vien_freeze_lab_report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status = 'draft' THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'results begin as a draft' USING ERRCODE = 'VI002';
    END IF;
    IF vien_may_erase(TG_RELID) THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;
    IF OLD.status = 'draft' THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        IF NEW.status = 'verified' AND (NEW.verified_by = ANY (OLD.contributors || NEW.contributors) OR EXISTS
            (SELECT 1 FROM lab_results r WHERE r.report_id = NEW.id AND r.entered_by = NEW.verified_by)) THEN
            RAISE EXCEPTION 'results are verified by somebody else' USING ERRCODE = 'VI006';
        END IF;
        IF NEW.status <> 'corrected' THEN RETURN NEW; END IF;
    ELSIF TG_OP = 'UPDATE' AND OLD.status = 'verified'
        AND (NEW.status = 'verified' AND NEW.is_current OR NEW.status = 'corrected' AND NOT NEW.is_current)
        AND (OLD.acknowledged_at IS NULL OR NEW.acknowledged_at = OLD.acknowledged_at)
        AND (OLD.reviewed_at IS NULL OR NEW.reviewed_at = OLD.reviewed_at)
        AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'status', 'is_current', 'acknowledged_at', 'acknowledged_by',
            'reviewed_at', 'reviewed_by', 'released_at', 'updated_at', 'updated_by', 'version')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'verified results are never changed' USING ERRCODE = 'VI002';
END $$;
CREATE TRIGGER keep_signed BEFORE INSERT OR UPDATE OR DELETE ON lab_reports
    FOR EACH ROW EXECUTE FUNCTION vien_freeze_lab_report();

CREATE FUNCTION vien_freeze_lab_result() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF vien_may_erase(TG_RELID) THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;
    IF EXISTS (SELECT 1 FROM lab_reports WHERE status <> 'draft'
               AND id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.report_id END,
                          CASE WHEN TG_OP <> 'DELETE' THEN NEW.report_id END)) THEN
        RAISE EXCEPTION 'verified results are never changed' USING ERRCODE = 'VI002';
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.patient_id IS DISTINCT FROM
        (SELECT patient_id FROM lab_reports WHERE id = NEW.report_id) THEN
        RAISE EXCEPTION 'a value belongs to the patient of its report' USING ERRCODE = 'VI007';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER keep_signed BEFORE INSERT OR UPDATE OR DELETE ON lab_results
    FOR EACH ROW EXECUTE FUNCTION vien_freeze_lab_result();

CREATE FUNCTION vien_same_patient_as_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.patient_id IS DISTINCT FROM (SELECT patient_id FROM lab_orders WHERE id = NEW.order_id) THEN
        RAISE EXCEPTION 'this belongs to the patient of its order' USING ERRCODE = 'VI007';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER same_patient BEFORE INSERT ON lab_specimens
    FOR EACH ROW EXECUTE FUNCTION vien_same_patient_as_order();
CREATE TRIGGER same_patient BEFORE INSERT ON lab_order_items
    FOR EACH ROW EXECUTE FUNCTION vien_same_patient_as_order();
CREATE TRIGGER same_patient BEFORE INSERT ON lab_reports
    FOR EACH ROW EXECUTE FUNCTION vien_same_patient_as_order();
CREATE TRIGGER refuse_for_erased BEFORE INSERT ON lab_orders
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_erased();
CREATE TRIGGER refuse_for_deceased BEFORE INSERT ON lab_orders
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_deceased();
"""

# Results go with the records: where a patient is erased, where the last record of the visit is purged, and, of orders
# without a visit that are as old, where the last of the patient's records is. vien.purged says how many, for who certifies.
ERASE = """
CREATE FUNCTION vien_erase_lab(orders uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE t text; n bigint; done jsonb := coalesce(nullif(current_setting('vien.purged', true), ''), '{}')::jsonb;
BEGIN
    FOREACH t IN ARRAY ARRAY['lab_results', 'lab_reports', 'lab_order_items', 'lab_specimens', 'lab_orders'] LOOP
        EXECUTE format('DELETE FROM %I WHERE %s', t, CASE t
            WHEN 'lab_results' THEN 'report_id IN (SELECT id FROM lab_reports WHERE order_id = ANY ($1))'
            WHEN 'lab_orders' THEN 'id = ANY ($1)' ELSE 'order_id = ANY ($1)' END) USING orders;
        GET DIAGNOSTICS n = ROW_COUNT;
        done := done || jsonb_build_object(t, n + coalesce((done ->> t)::bigint, 0));
    END LOOP;
    PERFORM set_config('vien.purged', done::text, true);
END $$;
REVOKE ALL ON FUNCTION vien_erase_lab(uuid[]) FROM PUBLIC;

CREATE FUNCTION vien_erase_patients_lab() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM erasures WHERE patient_id = NEW.id AND kind = 'erase' AND state = 'approved') THEN
        PERFORM vien_erase_lab(ARRAY(SELECT id FROM lab_orders WHERE patient_id = NEW.id));
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER erase_lab AFTER UPDATE OF erased_at ON patients FOR EACH ROW
    WHEN (NEW.erased_at IS NOT NULL) EXECUTE FUNCTION vien_erase_patients_lab();

CREATE FUNCTION vien_purge_visits_lab() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF vien_may_erase(TG_RELID) AND EXISTS (SELECT 1 FROM gone) THEN
        PERFORM vien_erase_lab(ARRAY(SELECT o.id FROM lab_orders o WHERE
            o.appointment_id IN (SELECT appointment_id FROM gone)
                AND NOT EXISTS (SELECT 1 FROM medical_records m WHERE m.appointment_id = o.appointment_id)
            OR o.patient_id IN (SELECT patient_id FROM gone)
                AND NOT EXISTS (SELECT 1 FROM medical_records m WHERE m.patient_id = o.patient_id)
                AND o.ordered_at <= (SELECT max(cut_off) FROM retention_purges WHERE state = 'confirmed')));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER erase_lab AFTER DELETE ON medical_records REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION vien_purge_visits_lab();
CREATE TRIGGER purge_documents AFTER DELETE ON lab_order_items
    FOR EACH ROW EXECUTE FUNCTION vien_purge_documents('lab_item');
"""

UNDO = """
DROP TRIGGER erase_lab ON medical_records;
DROP TRIGGER erase_lab ON patients;
DROP TABLE lab_results, lab_reports, lab_order_items, lab_specimens, lab_orders, lab_panel_tests, lab_panels,
    lab_reference_ranges, lab_analytes, lab_tests;
DROP SEQUENCE lab_order_code_seq, lab_specimen_code_seq;
DROP FUNCTION vien_purge_visits_lab(), vien_erase_patients_lab(), vien_erase_lab(uuid[]), vien_same_patient_as_order(),
    vien_freeze_lab_result(), vien_freeze_lab_report();
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON lab_tests, lab_analytes, lab_panels, lab_orders, lab_specimens, lab_order_items,
    lab_reports, lab_results TO vien_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON lab_reference_ranges, lab_panel_tests TO vien_app;
GRANT DELETE ON lab_results TO vien_app;
GRANT USAGE ON lab_order_code_seq, lab_specimen_code_seq TO vien_app;
GRANT SELECT ON lab_tests, lab_analytes, lab_orders, lab_specimens, lab_order_items, lab_reports, lab_results
    TO vien_patient;
"""


def upgrade() -> None:
    for part in (CATALOGUE, ORDERS, RESULTS, FREEZE, ERASE):
        op.execute(part)
    for table, own in OWN.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY everybodys ON {table} TO vien_app USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY ones_own ON {table} TO vien_patient USING ({own}) WITH CHECK ({own})")
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute(UNDO)
