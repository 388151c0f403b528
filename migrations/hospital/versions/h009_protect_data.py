"""Keep consents, requests, legal holds, retention and breaches."""

# ruff: noqa: E501 (texts for people are not broken)

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "h009"
down_revision = "h008"
branch_labels = None
depends_on = None

TABLES = (
    "own_exports", "erasures", "patient_consents", "data_requests", "retention_purges", "legal_holds", "consent_texts",
    "breach_entries", "breach_affected", "retention_rules", "consent_purposes", "breaches",
)  # fmt: skip

SEQUENCES = """
CREATE SEQUENCE data_request_code_seq;
CREATE SEQUENCE breach_code_seq;
"""

FUNCTIONS = r"""
-- Only what this history's owner does inside one of its own functions below may pass the triggers that freeze.
CREATE FUNCTION vien_may_erase(relation oid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('vien.erasing', true), '') = 'on'
        AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = relation)
$$;

CREATE FUNCTION vien_refuse_unless_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF vien_may_erase(TG_RELID) THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'VI001';
END $$;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON patient_consents
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_unless_erasing();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON consent_texts
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_unless_erasing();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON breach_entries
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_unless_erasing();

CREATE OR REPLACE FUNCTION vien_freeze_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF vien_may_erase(TG_RELID) THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;
    IF OLD.status = 'draft' THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        IF NEW.status <> 'amended' THEN RETURN NEW; END IF;
    ELSIF TG_OP = 'UPDATE' AND OLD.status = 'signed' AND NEW.status = 'amended' AND NOT NEW.is_current
        AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'status', 'is_current', 'updated_at', 'updated_by', 'version')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a signed record is never changed' USING ERRCODE = 'VI002';
END $$;

CREATE OR REPLACE FUNCTION vien_freeze_diagnosis() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF vien_may_erase(TG_RELID) THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;
    IF EXISTS (SELECT 1 FROM medical_records WHERE status <> 'draft'
               AND id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.record_id END,
                          CASE WHEN TG_OP <> 'DELETE' THEN NEW.record_id END)) THEN
        RAISE EXCEPTION 'a signed record''s diagnoses are never changed' USING ERRCODE = 'VI002';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE OR REPLACE FUNCTION vien_freeze_prescription() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF vien_may_erase(TG_RELID) THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;
    IF OLD.status = 'draft' THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    ELSIF TG_OP = 'UPDATE' AND OLD.status = 'signed' AND NEW.status = 'cancelled'
        AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'status', 'updated_at', 'updated_by', 'version')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a signed prescription is never changed' USING ERRCODE = 'VI002';
END $$;

CREATE OR REPLACE FUNCTION vien_freeze_prescription_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF vien_may_erase(TG_RELID) THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;
    IF EXISTS (SELECT 1 FROM prescriptions WHERE status <> 'draft'
               AND id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.prescription_id END,
                          CASE WHEN TG_OP <> 'DELETE' THEN NEW.prescription_id END)) THEN
        RAISE EXCEPTION 'a signed prescription''s items are never changed' USING ERRCODE = 'VI002';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE OR REPLACE FUNCTION vien_freeze_vital_signs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF vien_may_erase(TG_RELID) THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;
    IF TG_OP = 'UPDATE' AND OLD.voided_at IS NULL
        AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'voided_at', 'void_reason', 'updated_at', 'updated_by')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a measurement is voided, never changed' USING ERRCODE = 'VI002';
END $$;

-- Which of the rules a record falls under: by what was diagnosed in any version of it, and whether the patient has died.
CREATE FUNCTION vien_record_class(series uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM medical_records m JOIN patients p ON p.id = m.patient_id
                     WHERE m.series_id = series AND p.deceased_on IS NOT NULL)
          OR EXISTS (SELECT 1 FROM medical_records m JOIN record_diagnoses d ON d.record_id = m.id
                     WHERE m.series_id = series AND d.code LIKE 'F%') THEN 'records.mental_or_death'
        WHEN EXISTS (SELECT 1 FROM medical_records m JOIN record_diagnoses d ON d.record_id = m.id
                     WHERE m.series_id = series AND d.code ~ '^[STVWXY]') THEN 'records.accident'
        ELSE 'records.general' END
$$;

-- Until when the law keeps a patient's records; nothing where there is none that is signed.
CREATE FUNCTION vien_kept_until(patient uuid) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT max(s.last_at + make_interval(months => r.months))
    FROM (SELECT series_id, max(coalesce(signed_at, created_at)) AS last_at FROM medical_records
          WHERE patient_id = patient AND status <> 'draft' GROUP BY series_id) s
    JOIN retention_rules r ON r.code = vien_record_class(s.series_id)
$$;

-- What is past its time under a rule. Nothing of a patient under a legal hold is ever among it.
CREATE FUNCTION vien_list_expired(rule text, cut_off timestamptz) RETURNS TABLE (id uuid, patient_id uuid)
LANGUAGE sql STABLE AS $$
    SELECT found.id, found.patient_id FROM (
        SELECT m.series_id AS id, m.patient_id FROM medical_records m WHERE rule LIKE 'records.%'
        GROUP BY m.series_id, m.patient_id
        HAVING max(coalesce(m.signed_at, m.created_at)) < cut_off AND bool_and(m.status <> 'draft')
            AND vien_record_class(m.series_id) = rule
        UNION ALL
        SELECT o.id, o.patient_id FROM outbound_messages o
        WHERE rule = 'messages' AND o.created_at < cut_off AND o.state NOT IN ('queued', 'sending')
        UNION ALL
        SELECT s.id, u.patient_id FROM patient_sessions s JOIN patient_users u ON u.id = s.patient_user_id
        WHERE rule = 'patient_sessions' AND coalesce(s.ended_at, s.expires_at) < cut_off
        UNION ALL
        SELECT q.id, q.patient_id FROM data_requests q
        WHERE rule = 'data_requests' AND q.answered_at < cut_off AND (q.wish <> '' OR coalesce(q.answer, '') <> '')
    ) found
    WHERE NOT EXISTS (SELECT 1 FROM legal_holds h WHERE h.patient_id = found.patient_id AND h.released_at IS NULL)
$$;

-- Clears what identifies a patient, and with the kind `erase` everything clinical too. Needs a decision of two people.
CREATE FUNCTION vien_erase_patient(erasure uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE e erasures%ROWTYPE; who uuid; n bigint; done jsonb := '{}'; part record;
BEGIN
    SELECT patient_id INTO who FROM erasures WHERE id = erasure;
    PERFORM 1 FROM patients WHERE id = who FOR UPDATE;
    SELECT * INTO e FROM erasures WHERE id = erasure FOR UPDATE;
    IF who IS NULL OR e.state <> 'approved' THEN
        RAISE EXCEPTION 'there is no approved erasure' USING ERRCODE = 'VI003';
    END IF;
    IF e.reapplied_at IS NULL THEN
        IF EXISTS (SELECT 1 FROM legal_holds h WHERE h.patient_id = who AND h.released_at IS NULL) THEN
            RAISE EXCEPTION 'a legal hold forbids it' USING ERRCODE = 'VI004';
        END IF;
        IF e.kind = 'erase' AND vien_kept_until(who) > now() THEN
            RAISE EXCEPTION 'records must still be kept' USING ERRCODE = 'VI005';
        END IF;
    END IF;
    PERFORM set_config('vien.erasing', 'on', true);

    UPDATE appointments SET status = 'cancelled', cancelled_at = now(), version = version + 1
        WHERE patient_id = who AND status = 'booked';
    UPDATE appointments SET reason = '—', cancel_reason = NULL, updated_at = now() WHERE patient_id = who;
    GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('appointments', n);
    DELETE FROM appointment_reminders r USING appointments a WHERE a.id = r.appointment_id AND a.patient_id = who;
    GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('appointment_reminders', n);
    UPDATE outbound_messages SET recipient = '', subject = '', body = '', updated_at = now(),
        state = CASE WHEN state = 'queued' THEN 'failed' ELSE state END, next_attempt_at = NULL
        WHERE patient_id = who;
    GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('outbound_messages', n);

    -- Whatever hangs on the account goes with it: sessions, and what other releases have added to it.
    FOR part IN SELECT c.conrelid::regclass AS relation, a.attname AS name FROM pg_constraint c
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                WHERE c.contype = 'f' AND c.confrelid = 'patient_users'::regclass LOOP
        EXECUTE format('DELETE FROM %s WHERE %I IN (SELECT id FROM patient_users WHERE patient_id = $1)',
                       part.relation, part.name) USING who;
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object(part.relation::text, n);
    END LOOP;
    DELETE FROM patient_users WHERE patient_id = who;
    GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('patient_users', n);

    UPDATE patient_consents SET recorded_by_name = '' WHERE patient_id = who AND via = 'portal';
    GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('patient_consents', n);
    UPDATE data_requests SET wish = '', answer = CASE WHEN id = e.request_id THEN answer END, updated_at = now()
        WHERE patient_id = who;
    GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('data_requests', n);
    UPDATE own_exports SET ended_at = coalesce(ended_at, now()), error = NULL WHERE patient_id = who;
    GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('own_exports', n);
    UPDATE legal_holds SET reason = '—', release_reason = '—' WHERE patient_id = who AND released_at IS NOT NULL;
    GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('legal_holds', n);
    UPDATE files f SET name = '—', deleted_at = coalesce(f.deleted_at, now()) FROM file_links l
        WHERE l.file_id = f.id AND l.patient_id = who;
    GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('files', n);

    IF e.kind = 'erase' THEN
        DELETE FROM vital_signs WHERE patient_id = who;
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('vital_signs', n);
        DELETE FROM prescription_items i USING prescriptions p WHERE p.id = i.prescription_id AND p.patient_id = who;
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('prescription_items', n);
        DELETE FROM prescriptions WHERE patient_id = who;
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('prescriptions', n);
        DELETE FROM record_diagnoses d USING medical_records m WHERE m.id = d.record_id AND m.patient_id = who;
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('record_diagnoses', n);
        DELETE FROM medical_records WHERE patient_id = who;
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('medical_records', n);
        DELETE FROM patient_allergies WHERE patient_id = who;
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('patient_allergies', n);
    END IF;

    UPDATE patients SET
        full_name = CASE e.kind WHEN 'erase' THEN 'Đã xóa' ELSE 'Đã khử định danh' END,
        born_on = CASE e.kind WHEN 'erase' THEN DATE '1900-01-01' ELSE date_trunc('year', born_on)::date END,
        sex = CASE e.kind WHEN 'erase' THEN 'other' ELSE sex END,
        allergy_state = CASE e.kind WHEN 'erase' THEN 'not_recorded' ELSE allergy_state END,
        cccd = NULL, bhyt = NULL, phone = NULL, email = NULL, province = NULL, ward = NULL, street = NULL,
        old_district = NULL, deleted_at = coalesce(deleted_at, now()), erased_at = now(), updated_at = now(),
        version = version + 1
        WHERE id = who;
    PERFORM set_config('vien.erasing', '', true);
    RETURN done || jsonb_build_object('patients', 1);
END $$;

-- Deletes the next rows of a purge that a person has confirmed, and says how many of each table.
CREATE FUNCTION vien_purge_expired(purge uuid, batch integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE p retention_purges%ROWTYPE; rule text; taken uuid[]; visits uuid[]; whose uuid[]; n bigint; done jsonb := '{}';
BEGIN
    SELECT * INTO p FROM retention_purges WHERE id = purge FOR UPDATE;
    IF NOT FOUND OR p.state <> 'confirmed' OR p.decided_by IS NULL THEN
        RAISE EXCEPTION 'there is no confirmed purge' USING ERRCODE = 'VI003';
    END IF;
    SELECT code INTO rule FROM retention_rules WHERE id = p.rule_id;
    SELECT array_agg(DISTINCT e.patient_id) INTO whose FROM (SELECT * FROM vien_list_expired(rule, p.cut_off) LIMIT batch) e;
    PERFORM 1 FROM patients WHERE id = ANY (whose) ORDER BY id FOR UPDATE;  -- a hold that comes now waits, or is seen
    SELECT array_agg(e.id) INTO taken FROM (SELECT * FROM vien_list_expired(rule, p.cut_off) x
        WHERE x.patient_id IS NULL OR x.patient_id = ANY (whose) LIMIT batch) e;
    IF taken IS NULL THEN RETURN done; END IF;
    PERFORM set_config('vien.erasing', 'on', true);
    IF rule LIKE 'records.%' THEN
        SELECT array_agg(DISTINCT appointment_id) INTO visits FROM medical_records WHERE series_id = ANY (taken);
        DELETE FROM prescription_items WHERE prescription_id IN (SELECT q.id FROM prescriptions q
            JOIN medical_records m ON m.id = q.record_id WHERE m.series_id = ANY (taken));
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('prescription_items', n);
        DELETE FROM prescriptions WHERE record_id IN (SELECT id FROM medical_records WHERE series_id = ANY (taken));
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('prescriptions', n);
        DELETE FROM record_diagnoses WHERE record_id IN (SELECT id FROM medical_records WHERE series_id = ANY (taken));
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('record_diagnoses', n);
        DELETE FROM medical_records WHERE series_id = ANY (taken);
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('medical_records', n);
        DELETE FROM vital_signs v WHERE v.appointment_id = ANY (visits)
            AND NOT EXISTS (SELECT 1 FROM medical_records m WHERE m.appointment_id = v.appointment_id);
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('vital_signs', n);
    ELSIF rule = 'messages' THEN
        DELETE FROM outbound_messages WHERE id = ANY (taken);
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('outbound_messages', n);
    ELSIF rule = 'patient_sessions' THEN
        DELETE FROM patient_sessions WHERE id = ANY (taken);
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('patient_sessions', n);
    ELSIF rule = 'data_requests' THEN
        UPDATE data_requests SET wish = '', answer = '' WHERE id = ANY (taken);
        GET DIAGNOSTICS n = ROW_COUNT; done := done || jsonb_build_object('data_requests', n);
    END IF;
    PERFORM set_config('vien.erasing', '', true);
    RETURN done;
END $$;

-- Nothing is begun for a patient who was erased meanwhile: the lock waits for an erasure that is under way.
CREATE FUNCTION vien_refuse_for_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.patient_id IS NOT NULL THEN
        PERFORM 1 FROM patients WHERE id = NEW.patient_id FOR KEY SHARE;
        IF EXISTS (SELECT 1 FROM patients WHERE id = NEW.patient_id AND erased_at IS NOT NULL) THEN
            RAISE EXCEPTION 'this patient was erased' USING ERRCODE = '23503', CONSTRAINT = 'patient_is_not_erased';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_for_erased BEFORE INSERT ON appointments
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_erased();
CREATE TRIGGER refuse_for_erased BEFORE INSERT ON patient_users
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_erased();
CREATE TRIGGER refuse_for_erased BEFORE INSERT ON outbound_messages
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_erased();
CREATE TRIGGER refuse_for_erased BEFORE INSERT ON patient_consents
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_erased();
CREATE TRIGGER refuse_for_erased BEFORE INSERT ON own_exports
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_erased();
"""

UNDO_FUNCTIONS = r"""
DROP TRIGGER refuse_for_erased ON appointments;
DROP TRIGGER refuse_for_erased ON patient_users;
DROP TRIGGER refuse_for_erased ON outbound_messages;
DROP TRIGGER refuse_for_erased ON patient_consents;
DROP TRIGGER refuse_for_erased ON own_exports;
DROP FUNCTION vien_refuse_for_erased();
DROP FUNCTION vien_erase_patient(uuid), vien_purge_expired(uuid, integer), vien_list_expired(text, timestamptz),
    vien_kept_until(uuid), vien_record_class(uuid);
CREATE OR REPLACE FUNCTION vien_freeze_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'draft' THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        IF NEW.status <> 'amended' THEN RETURN NEW; END IF;
    ELSIF TG_OP = 'UPDATE' AND OLD.status = 'signed' AND NEW.status = 'amended' AND NOT NEW.is_current
        AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'status', 'is_current', 'updated_at', 'updated_by', 'version')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a signed record is never changed' USING ERRCODE = 'VI002';
END $$;

CREATE OR REPLACE FUNCTION vien_freeze_diagnosis() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM medical_records WHERE status <> 'draft'
               AND id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.record_id END,
                          CASE WHEN TG_OP <> 'DELETE' THEN NEW.record_id END)) THEN
        RAISE EXCEPTION 'a signed record''s diagnoses are never changed' USING ERRCODE = 'VI002';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE OR REPLACE FUNCTION vien_freeze_prescription() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    ELSIF TG_OP = 'UPDATE' AND OLD.status = 'signed' AND NEW.status = 'cancelled'
        AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'status', 'updated_at', 'updated_by', 'version')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a signed prescription is never changed' USING ERRCODE = 'VI002';
END $$;

CREATE OR REPLACE FUNCTION vien_freeze_prescription_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM prescriptions WHERE status <> 'draft'
               AND id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.prescription_id END,
                          CASE WHEN TG_OP <> 'DELETE' THEN NEW.prescription_id END)) THEN
        RAISE EXCEPTION 'a signed prescription''s items are never changed' USING ERRCODE = 'VI002';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE OR REPLACE FUNCTION vien_freeze_vital_signs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.voided_at IS NULL
        AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'voided_at', 'void_reason', 'updated_at', 'updated_by')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a measurement is voided, never changed' USING ERRCODE = 'VI002';
END $$;

DROP TRIGGER refuse_change ON patient_consents;
DROP TRIGGER refuse_change ON consent_texts;
DROP TRIGGER refuse_change ON breach_entries;
DROP FUNCTION vien_refuse_unless_erasing();
DROP FUNCTION vien_may_erase(oid);
"""

PRESETS = """
INSERT INTO consent_purposes (id, code, basis, position) VALUES
    (gen_random_uuid(), 'reminders', 'agreement', 1),
    (gen_random_uuid(), 'sharing', 'consent', 2),
    (gen_random_uuid(), 'research', 'consent', 3),
    (gen_random_uuid(), 'photos', 'consent', 4);
INSERT INTO consent_texts (id, purpose_id, number, title, title_en, body, body_en, published_at)
SELECT gen_random_uuid(), p.id, 1, t.title, t.title_en, t.body, t.body_en, now()
FROM consent_purposes p JOIN (VALUES
    ('reminders', 'Nhắc lịch khám qua e-mail, tin nhắn', 'Reminders by e-mail or text message',
     'Bệnh viện gửi xác nhận và nhắc lịch khám đến e-mail hoặc số điện thoại của Quý vị. Tin nhắn chỉ nêu tên, thời gian và địa điểm khám, không nêu lý do khám. Quý vị có thể từ chối bất cứ lúc nào; việc từ chối không ảnh hưởng đến lịch khám.',
     'The hospital sends confirmations and reminders of visits to your e-mail address or phone. They give your name, the time and the place, never the reason. You can refuse at any time; your visits are not affected.'),
    ('sharing', 'Chuyển dữ liệu đến bệnh viện khác theo yêu cầu của Quý vị', 'Giving data to another hospital at your request',
     'Khi chính Quý vị yêu cầu, bệnh viện chuyển hồ sơ của Quý vị đến bệnh viện mà Quý vị nêu tên. Không có sự đồng ý này, bệnh viện không chuyển hồ sơ theo yêu cầu qua mạng.',
     'When you ask for it yourself, the hospital gives your record to the hospital that you name. Without this consent it does not pass records on electronically.'),
    ('research', 'Dùng dữ liệu đã khử định danh cho nghiên cứu', 'Use of de-identified data for research',
     'Dữ liệu khám, chữa bệnh của Quý vị, sau khi bỏ mọi thông tin nhận biết Quý vị, được dùng cho nghiên cứu khoa học đã được hội đồng đạo đức của bệnh viện chấp thuận. Quý vị có thể rút lại; kết quả đã công bố không thay đổi.',
     'Data of your care, after everything that identifies you was removed, is used for research approved by the hospital''s ethics board. You can withdraw; results already published stay.'),
    ('photos', 'Chụp ảnh, ghi hình cho mục đích giảng dạy', 'Photographs and recordings for teaching',
     'Bệnh viện chụp ảnh hoặc ghi hình tổn thương, không cho thấy khuôn mặt, để giảng dạy cho nhân viên y tế. Ảnh phục vụ chẩn đoán, điều trị của chính Quý vị không cần sự đồng ý này.',
     'The hospital photographs or records findings, without showing the face, to teach medical staff. Pictures for your own diagnosis and treatment do not need this consent.')
) AS t (code, title, title_en, body, body_en) ON t.code = p.code;
INSERT INTO retention_rules (id, code, months, least_months, source) VALUES
    (gen_random_uuid(), 'records.general', 120, 120, 'Luật Khám bệnh, chữa bệnh 15/2023/QH15, Điều 69 (hồ sơ bệnh án); ít nhất 10 năm như Luật 40/2009/QH12, Điều 59 khoản 3 điểm b'),
    (gen_random_uuid(), 'records.accident', 180, 180, 'Luật Khám bệnh, chữa bệnh 15/2023/QH15, Điều 69 (hồ sơ bệnh án); tai nạn lao động, tai nạn sinh hoạt: ít nhất 15 năm như Luật 40/2009/QH12, Điều 59 khoản 3 điểm b'),
    (gen_random_uuid(), 'records.mental_or_death', 240, 240, 'Luật Khám bệnh, chữa bệnh 15/2023/QH15, Điều 69 (hồ sơ bệnh án); người bệnh tâm thần, tử vong: ít nhất 20 năm như Luật 40/2009/QH12, Điều 59 khoản 3 điểm b'),
    (gen_random_uuid(), 'messages', 24, 0, 'Bệnh viện tự quy định'),
    (gen_random_uuid(), 'patient_sessions', 12, 0, 'Bệnh viện tự quy định'),
    (gen_random_uuid(), 'data_requests', 60, 0, 'Bệnh viện tự quy định');
"""

GRANTS = """
GRANT USAGE ON SEQUENCE data_request_code_seq, breach_code_seq TO vien_app;
GRANT SELECT ON retention_rules TO vien_app;
GRANT SELECT, INSERT ON consent_texts, patient_consents, breach_entries TO vien_app;
GRANT SELECT, INSERT, UPDATE ON consent_purposes, data_requests, own_exports, legal_holds, erasures, retention_rules,
    retention_purges, breaches, breach_affected TO vien_app;
GRANT DELETE ON breach_affected TO vien_app;
REVOKE ALL ON FUNCTION vien_erase_patient(uuid), vien_purge_expired(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vien_erase_patient(uuid), vien_purge_expired(uuid, integer) TO vien_app;
"""


def upgrade() -> None:
    op.execute(SEQUENCES)
    op.create_table(
        "breaches",
        sa.Column(
            "code",
            sa.Text(),
            server_default=sa.text("'VP-' || lpad(nextval('breach_code_seq')::text, 4, '0')"),
            nullable=False,
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("categories", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("consequences", sa.Text(), server_default="", nullable=False),
        sa.Column("measures", sa.Text(), server_default="", nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("discovered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("notify_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "open", "notified", "closed", name="breachstate", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_breaches_closed_at")),
        sa.CheckConstraint("notify_by > discovered_at", name=op.f("ck_breaches_clock_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breaches")),
        sa.UniqueConstraint("code", name=op.f("uq_breaches_code")),
    )
    op.create_index(
        "ix_breaches_state_discovered_at", "breaches", ["state", sa.literal_column("discovered_at DESC")], unique=False
    )
    op.create_table(
        "consent_purposes",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column(
            "basis",
            sa.Enum("consent", "agreement", name="consentbasis", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_purposes")),
        sa.UniqueConstraint("code", name=op.f("uq_consent_purposes_code")),
    )
    op.create_table(
        "retention_rules",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("least_months", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "months >= least_months AND months BETWEEN 1 AND 1200", name=op.f("ck_retention_rules_kept_long_enough")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_rules")),
        sa.UniqueConstraint("code", name=op.f("uq_retention_rules_code")),
    )
    op.create_table(
        "breach_affected",
        sa.Column("breach_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column(
            "added_by",
            sa.Enum("access_log", "hand", "file", name="addedby", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("letter_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("letter_channel", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["breach_id"], ["breaches.id"], name=op.f("fk_breach_affected_breach_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_breach_affected_patient_id")),
        sa.PrimaryKeyConstraint("breach_id", "patient_id", name=op.f("pk_breach_affected")),
    )
    op.create_index(op.f("ix_breach_affected_patient_id"), "breach_affected", ["patient_id"], unique=False)
    op.create_table(
        "breach_entries",
        sa.Column("breach_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "registered",
                "changed",
                "note",
                "affected",
                "notified",
                "letters",
                "closed",
                name="breachentrykind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["breach_id"], ["breaches.id"], name=op.f("fk_breach_entries_breach_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breach_entries")),
    )
    op.create_index("ix_breach_entries_breach_id", "breach_entries", ["breach_id", "at"], unique=False)
    op.create_table(
        "consent_texts",
        sa.Column("purpose_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_en", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["purpose_id"], ["consent_purposes.id"], name=op.f("fk_consent_texts_purpose_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_texts")),
        sa.UniqueConstraint("purpose_id", "number", name=op.f("uq_consent_texts_purpose_id_number")),
    )
    op.create_table(
        "legal_holds",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("placed_by", sa.Uuid(), nullable=True),
        sa.Column("placed_by_name", sa.Text(), nullable=False),
        sa.Column("review_on", sa.Date(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.Uuid(), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(released_at IS NULL) = (release_reason IS NULL)", name=op.f("ck_legal_holds_released_for_a_reason")
        ),
        sa.CheckConstraint("length(reason) BETWEEN 1 AND 1000", name=op.f("ck_legal_holds_has_reason")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_legal_holds_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_holds")),
    )
    op.create_index("ix_legal_holds_patient_id", "legal_holds", ["patient_id"], unique=False)
    op.create_table(
        "retention_purges",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("cut_off", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "proposed",
                "confirmed",
                "performed",
                "dismissed",
                name="purgestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_by_name", sa.Text(), nullable=True),
        sa.Column("performed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("certificate", postgresql.JSONB(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(state = 'performed') = (performed_at IS NOT NULL AND signature IS NOT NULL)",
            name=op.f("ck_retention_purges_certified"),
        ),
        sa.ForeignKeyConstraint(["rule_id"], ["retention_rules.id"], name=op.f("fk_retention_purges_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_purges")),
    )
    op.create_index(
        "ix_retention_purges_rule_id",
        "retention_purges",
        ["rule_id", sa.literal_column("proposed_at DESC")],
        unique=False,
    )
    op.create_index(
        "uq_retention_purges_open",
        "retention_purges",
        ["rule_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('proposed', 'confirmed')"),
    )
    op.create_table(
        "data_requests",
        sa.Column(
            "code",
            sa.Text(),
            server_default=sa.text("'YC-' || lpad(nextval('data_request_code_seq')::text, 6, '0')"),
            nullable=False,
        ),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "access",
                "export",
                "rectification",
                "restriction",
                "objection",
                "erasure",
                name="requestkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "received",
                "in_progress",
                "answered",
                "refused",
                "withdrawn",
                name="requeststate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "via",
            sa.Enum("portal", "desk", name="requestvia", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("wish", sa.Text(), server_default="", nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reply_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("extended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extension_reason", sa.Text(), nullable=True),
        sa.Column("handler_id", sa.Uuid(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("due_at >= received_at", name=op.f("ck_data_requests_due_after_receipt")),
        sa.CheckConstraint("length(wish) <= 4000", name=op.f("ck_data_requests_wish_is_short")),
        sa.ForeignKeyConstraint(["handler_id"], ["staff_users.id"], name=op.f("fk_data_requests_handler_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_data_requests_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_requests")),
        sa.UniqueConstraint("code", name=op.f("uq_data_requests_code")),
    )
    op.create_index(
        "ix_data_requests_due_at",
        "data_requests",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('received', 'in_progress')"),
    )
    op.create_index(op.f("ix_data_requests_handler_id"), "data_requests", ["handler_id"], unique=False)
    op.create_index(
        "ix_data_requests_patient_id",
        "data_requests",
        ["patient_id", sa.literal_column("received_at DESC")],
        unique=False,
    )
    op.create_table(
        "patient_consents",
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("purpose_id", sa.Uuid(), nullable=False),
        sa.Column("text_id", sa.Uuid(), nullable=False),
        sa.Column(
            "decision",
            sa.Enum("given", "withdrawn", name="consentdecision", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "via",
            sa.Enum("portal", "paper", name="consentvia", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("signed_on", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_patient_consents_patient_id")),
        sa.ForeignKeyConstraint(["purpose_id"], ["consent_purposes.id"], name=op.f("fk_patient_consents_purpose_id")),
        sa.ForeignKeyConstraint(["text_id"], ["consent_texts.id"], name=op.f("fk_patient_consents_text_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_consents")),
        sa.UniqueConstraint("sequence", name=op.f("uq_patient_consents_sequence")),
    )
    op.create_index(
        "ix_patient_consents_patient_id",
        "patient_consents",
        ["patient_id", "purpose_id", sa.literal_column("sequence DESC")],
        unique=False,
    )
    op.create_index(op.f("ix_patient_consents_purpose_id"), "patient_consents", ["purpose_id"], unique=False)
    op.create_index(op.f("ix_patient_consents_text_id"), "patient_consents", ["text_id"], unique=False)
    op.create_table(
        "erasures",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum("deidentify", "erase", name="erasurekind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "proposed",
                "approved",
                "performed",
                "refused",
                name="erasurestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=True),
        sa.Column("proposed_by_name", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_by_name", sa.Text(), nullable=True),
        sa.Column("performed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reapplied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("statement", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("(state = 'performed') = (performed_at IS NOT NULL)", name=op.f("ck_erasures_performed_at")),
        sa.CheckConstraint(
            "state IN ('proposed', 'refused') OR reapplied_at IS NOT NULL OR (decided_by IS NOT NULL AND proposed_by IS NOT NULL AND decided_by <> proposed_by)",
            name=op.f("ck_erasures_decided_by_two"),
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_erasures_patient_id")),
        sa.ForeignKeyConstraint(["request_id"], ["data_requests.id"], name=op.f("fk_erasures_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_index(op.f("ix_erasures_patient_id"), "erasures", ["patient_id"], unique=False)
    op.create_index(op.f("ix_erasures_request_id"), "erasures", ["request_id"], unique=False)
    op.create_index(
        "uq_erasures_open",
        "erasures",
        ["patient_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('proposed', 'approved')"),
    )
    op.create_table(
        "own_exports",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by_kind", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("counts", postgresql.JSONB(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_own_exports_file_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_own_exports_patient_id")),
        sa.ForeignKeyConstraint(["request_id"], ["data_requests.id"], name=op.f("fk_own_exports_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_own_exports")),
    )
    op.create_index(op.f("ix_own_exports_file_id"), "own_exports", ["file_id"], unique=False)
    op.create_index(
        "ix_own_exports_next_attempt_at",
        "own_exports",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_own_exports_patient_id", "own_exports", ["patient_id", sa.literal_column("asked_at DESC")], unique=False
    )
    op.create_index(op.f("ix_own_exports_request_id"), "own_exports", ["request_id"], unique=False)
    op.create_index(
        "uq_own_exports_open",
        "own_exports",
        ["patient_id"],
        unique=True,
        postgresql_where=sa.text("made_at IS NULL AND ended_at IS NULL"),
    )
    op.add_column("patients", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    for statements in (FUNCTIONS, PRESETS, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    op.execute(UNDO_FUNCTIONS)
    op.drop_column("patients", "erased_at")
    for table in TABLES:
        op.drop_table(table)
    op.execute("DROP SEQUENCE data_request_code_seq, breach_code_seq")
