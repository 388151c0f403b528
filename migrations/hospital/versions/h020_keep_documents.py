"""Keep documents: versions, and what they belong to."""

from alembic import op

revision = "h020"
down_revision = "h019"
branch_labels = None
depends_on = None

BY_PATIENT = "patient_id = vien_current_patient()"
# A patient reads what the hospital shares, and of a released result what was there when somebody verified it.
OWN = {
    "documents": f"{BY_PATIENT} AND deleted_at IS NULL AND vien_is_shared(shared_at, subject_type, subject_id, created_at)",
    "document_versions": f"{BY_PATIENT} AND EXISTS (SELECT 1 FROM documents d WHERE d.id = document_id "  # noqa: S608
    "AND vien_is_shared(d.shared_at, d.subject_type, d.subject_id, document_versions.created_at))",
}
OWN_LINKS = f"{BY_PATIENT} AND (subject_type <> 'document' OR file_id IN (SELECT file_id FROM document_versions))"  # noqa: S608

TABLES = """
CREATE TABLE documents (
    patient_id UUID NOT NULL,
    kind VARCHAR(32) NOT NULL,
    title TEXT NOT NULL,
    subject_type VARCHAR(32) NOT NULL,
    subject_id UUID,
    shared_at TIMESTAMP WITH TIME ZONE,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    delete_reason TEXT,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by UUID,
    updated_by UUID,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_documents PRIMARY KEY (id),
    CONSTRAINT fk_documents_patient_id FOREIGN KEY (patient_id) REFERENCES patients (id),
    CONSTRAINT ck_documents_documentkind CHECK (kind IN
        ('referral', 'discharge', 'lab_result', 'image', 'consent', 'certificate', 'insurance', 'other')),
    CONSTRAINT ck_documents_documentsubject CHECK (subject_type IN ('patient', 'record', 'lab_item')),
    CONSTRAINT ck_documents_title_has_text CHECK (length(title) BETWEEN 1 AND 200),
    CONSTRAINT ck_documents_belongs_to_one_thing CHECK ((subject_type = 'patient') = (subject_id IS NULL)),
    CONSTRAINT ck_documents_deleted_for_a_reason
        CHECK ((deleted_at IS NULL) = (delete_reason IS NULL) AND (deleted_at IS NULL) = (deleted_by IS NULL))
);
CREATE INDEX ix_documents_patient_id_created_at ON documents (patient_id, created_at DESC);
CREATE INDEX ix_documents_subject ON documents (subject_type, subject_id) WHERE subject_id IS NOT NULL;
CREATE TABLE document_versions (
    document_id UUID NOT NULL,
    patient_id UUID NOT NULL,
    number INTEGER NOT NULL,
    file_id UUID NOT NULL,
    note TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by UUID,
    id UUID NOT NULL,
    CONSTRAINT pk_document_versions PRIMARY KEY (id),
    CONSTRAINT fk_document_versions_document_id FOREIGN KEY (document_id) REFERENCES documents (id),
    CONSTRAINT fk_document_versions_patient_id FOREIGN KEY (patient_id) REFERENCES patients (id),
    CONSTRAINT fk_document_versions_file_id FOREIGN KEY (file_id) REFERENCES files (id),
    CONSTRAINT uq_document_versions_document_id_number UNIQUE (document_id, number),
    CONSTRAINT ck_document_versions_number_counts_from_one CHECK (number > 0)
);
ALTER TABLE files ADD COLUMN destroyed_at TIMESTAMP WITH TIME ZONE;
CREATE INDEX ix_files_to_destroy ON files (id) WHERE deleted_at IS NOT NULL AND destroyed_at IS NULL;
CREATE INDEX ix_document_versions_patient_id ON document_versions (patient_id);
CREATE INDEX ix_document_versions_file_id ON document_versions (file_id);
"""

# A version stays as it was added, and what was deleted stays deleted. With the patient both go: their content is
# destroyed, so that nothing of them could be read.
FUNCTIONS = """
CREATE FUNCTION vien_is_shared(shared timestamptz, subject text, subject_id uuid, added timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF subject = 'lab_item' THEN
        RETURN EXISTS (SELECT 1 FROM lab_reports r WHERE r.item_id = subject_id
                       AND r.is_current AND r.released_at <= now() AND added <= r.verified_at);
    END IF;
    RETURN coalesce(shared <= now(), false);
END $$;

CREATE FUNCTION vien_freeze_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF vien_may_erase(TG_RELID) THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;
    IF TG_OP = 'UPDATE' AND OLD.deleted_at IS NULL AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'kind', 'title',
        'shared_at', 'deleted_at', 'deleted_by', 'delete_reason', 'updated_at', 'updated_by', 'version')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a document is hidden for a reason, never changed' USING ERRCODE = 'VI002';
END $$;
CREATE TRIGGER keep_document BEFORE UPDATE OR DELETE ON documents
    FOR EACH ROW EXECUTE FUNCTION vien_freeze_document();

CREATE FUNCTION vien_freeze_document_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.patient_id IS NOT DISTINCT FROM (SELECT patient_id FROM documents WHERE id = NEW.document_id) THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a version belongs to the patient of its document' USING ERRCODE = 'VI007';
    END IF;
    IF vien_may_erase(TG_RELID) THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;
    RAISE EXCEPTION 'a version of a document is never changed' USING ERRCODE = 'VI002';
END $$;
CREATE TRIGGER keep_version BEFORE INSERT OR UPDATE OR DELETE ON document_versions
    FOR EACH ROW EXECUTE FUNCTION vien_freeze_document_version();
CREATE TRIGGER refuse_for_erased BEFORE INSERT ON documents
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_erased();

CREATE FUNCTION vien_erase_documents() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM document_versions WHERE patient_id = NEW.id;
    DELETE FROM documents WHERE patient_id = NEW.id;
    RETURN NEW;
END $$;
CREATE TRIGGER erase_documents AFTER UPDATE OF erased_at ON patients FOR EACH ROW
    WHEN (NEW.erased_at IS NOT NULL) EXECUTE FUNCTION vien_erase_documents();
CREATE TRIGGER refuse_when_closed BEFORE INSERT ON documents
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_closed();
CREATE TRIGGER refuse_when_closed BEFORE INSERT ON patient_conditions
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_closed();

-- What belongs to a record or to a result goes with it when its time is over; the content is destroyed afterwards.
CREATE FUNCTION vien_purge_documents() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    gone uuid := (to_jsonb(OLD) ->> CASE TG_ARGV[0] WHEN 'record' THEN 'series_id' ELSE 'id' END)::uuid;
    papers uuid[];
BEGIN
    IF NOT vien_may_erase(TG_RELID) THEN RETURN OLD; END IF;
    IF TG_ARGV[0] = 'record' AND EXISTS (SELECT 1 FROM medical_records WHERE series_id = gone) THEN RETURN OLD; END IF;
    papers := ARRAY(SELECT id FROM documents WHERE subject_type = TG_ARGV[0] AND subject_id = gone);
    UPDATE files SET name = '—', deleted_at = coalesce(deleted_at, now())
        WHERE id IN (SELECT file_id FROM document_versions WHERE document_id = ANY (papers));
    DELETE FROM file_links WHERE subject_type = 'document' AND subject_id = ANY (papers);
    DELETE FROM document_versions WHERE document_id = ANY (papers);
    DELETE FROM documents WHERE id = ANY (papers);
    RETURN OLD;
END $$;
CREATE TRIGGER purge_documents AFTER DELETE ON medical_records
    FOR EACH ROW EXECUTE FUNCTION vien_purge_documents('record');
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON documents TO vien_app;
GRANT SELECT, INSERT ON document_versions TO vien_app;
GRANT SELECT ON documents, document_versions TO vien_patient;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    for table, own in OWN.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY everybodys ON {table} TO vien_app USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY ones_own ON {table} TO vien_patient USING ({own}) WITH CHECK ({own})")
    op.execute(f"ALTER POLICY ones_own ON file_links USING ({OWN_LINKS}) WITH CHECK ({OWN_LINKS})")
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute(f"ALTER POLICY ones_own ON file_links USING ({BY_PATIENT}) WITH CHECK ({BY_PATIENT})")
    op.execute("""
    DROP TRIGGER erase_documents ON patients;
    DROP TRIGGER purge_documents ON medical_records;
    DROP TRIGGER refuse_when_closed ON patient_conditions;
    ALTER TABLE files DROP COLUMN destroyed_at;
    DROP TABLE document_versions, documents;
    DROP FUNCTION vien_purge_documents(), vien_erase_documents(), vien_freeze_document_version(), vien_freeze_document(),
        vien_is_shared(timestamptz, text, uuid, timestamptz);
    """)
