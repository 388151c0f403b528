"""Remind patients by the hospital's rules and their own preferences; keep a waiting list."""

from alembic import op

revision = "h013"
down_revision = "h012"
branch_labels = None
depends_on = None

BY_PATIENT = "patient_id = vien_current_patient()"
OWN = ("message_preferences", "message_replies", "waiting_entries", "slot_offers")
EDITED = """created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, created_by UUID, updated_by UUID"""

VISITS = """
ALTER TABLE appointments ADD COLUMN confirmed_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE appointments ADD COLUMN confirmed_via VARCHAR(32);
ALTER TABLE appointments ADD CONSTRAINT ck_appointments_confirmedvia
    CHECK (confirmed_via IN ('link', 'sms', 'portal', 'desk'));
ALTER TABLE appointment_reminders ADD COLUMN starts_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE appointment_reminders ADD COLUMN turn INTEGER DEFAULT 0 NOT NULL;
ALTER TABLE appointment_reminders ADD COLUMN outcome VARCHAR(32);
ALTER TABLE appointment_reminders ADD COLUMN settled_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE appointment_reminders ADD COLUMN settled_by UUID;
ALTER TABLE appointment_reminders ADD CONSTRAINT ck_appointment_reminders_reminderoutcome
    CHECK (outcome IN ('not_wanted', 'superseded', 'not_standing', 'too_late', 'no_way', 'given_up'));
ALTER TABLE appointment_reminders DROP CONSTRAINT ck_appointment_reminders_due_after_creation;
ALTER TABLE appointment_reminders ADD CONSTRAINT uq_appointment_reminders_appointment_id_rule
    UNIQUE (appointment_id, rule);
CREATE INDEX ix_appointment_reminders_unreached ON appointment_reminders (due_at)
    WHERE state = 'failed' AND settled_at IS NULL;
"""

RULES = f"""
CREATE TABLE reminder_rules (
    id UUID NOT NULL,
    minutes_before INTEGER NOT NULL,
    {EDITED},
    CONSTRAINT pk_reminder_rules PRIMARY KEY (id),
    CONSTRAINT uq_reminder_rules_minutes_before UNIQUE (minutes_before),
    CONSTRAINT ck_reminder_rules_minutes_before CHECK (minutes_before BETWEEN 15 AND 43200)
);
CREATE TABLE message_preferences (
    patient_id UUID NOT NULL,
    channels TEXT[] NOT NULL,
    locale TEXT,
    muted TEXT[] NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    {EDITED},
    CONSTRAINT pk_message_preferences PRIMARY KEY (patient_id),
    CONSTRAINT fk_message_preferences_patient_id FOREIGN KEY (patient_id) REFERENCES patients (id)
);
CREATE TABLE message_replies (
    id UUID NOT NULL,
    provider_id TEXT NOT NULL,
    meaning VARCHAR(32) NOT NULL,
    patient_id UUID,
    appointment_id UUID,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_message_replies PRIMARY KEY (id),
    CONSTRAINT uq_message_replies_provider_id UNIQUE (provider_id),
    CONSTRAINT fk_message_replies_patient_id FOREIGN KEY (patient_id) REFERENCES patients (id),
    CONSTRAINT fk_message_replies_appointment_id FOREIGN KEY (appointment_id) REFERENCES appointments (id),
    CONSTRAINT ck_message_replies_replymeaning
        CHECK (meaning IN ('confirmed', 'cancelled', 'unclear', 'several', 'too_late', 'none'))
);
CREATE INDEX ix_message_replies_patient_id ON message_replies (patient_id);
CREATE INDEX ix_message_replies_appointment_id ON message_replies (appointment_id);
"""

PRESETS = """
INSERT INTO reminder_rules (id, minutes_before) VALUES
    ('0196b000-0000-7000-8000-000000000001', 1440), ('0196b000-0000-7000-8000-000000000002', 120);
"""

WAITING = f"""
CREATE TABLE waiting_entries (
    id UUID NOT NULL,
    patient_id UUID NOT NULL,
    appointment_id UUID,
    department_id UUID NOT NULL,
    doctor_id UUID,
    weekdays SMALLINT[] NOT NULL,
    from_time TIME WITHOUT TIME ZONE NOT NULL,
    until_time TIME WITHOUT TIME ZONE NOT NULL,
    first_day DATE NOT NULL,
    last_day DATE NOT NULL,
    reason TEXT,
    state VARCHAR(32) NOT NULL,
    asked_via VARCHAR(32) NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    {EDITED},
    CONSTRAINT pk_waiting_entries PRIMARY KEY (id),
    CONSTRAINT fk_waiting_entries_patient_id FOREIGN KEY (patient_id) REFERENCES patients (id),
    CONSTRAINT fk_waiting_entries_appointment_id FOREIGN KEY (appointment_id) REFERENCES appointments (id),
    CONSTRAINT fk_waiting_entries_department_id FOREIGN KEY (department_id) REFERENCES departments (id),
    CONSTRAINT fk_waiting_entries_doctor_id FOREIGN KEY (doctor_id) REFERENCES staff_users (id),
    CONSTRAINT ck_waiting_entries_waitingstate CHECK (state IN ('waiting', 'placed', 'left', 'over')),
    CONSTRAINT ck_waiting_entries_askedvia CHECK (asked_via IN ('patient_portal', 'desk')),
    CONSTRAINT ck_waiting_entries_until_after_from CHECK (until_time > from_time),
    CONSTRAINT ck_waiting_entries_last_after_first CHECK (last_day >= first_day),
    CONSTRAINT ck_waiting_entries_weekdays CHECK (weekdays <@ ARRAY[0,1,2,3,4,5,6]::smallint[]),
    CONSTRAINT ck_waiting_entries_moves_or_books CHECK ((appointment_id IS NULL) <> (reason IS NULL))
);
CREATE INDEX ix_waiting_entries_patient_id ON waiting_entries (patient_id);
CREATE INDEX ix_waiting_entries_appointment_id ON waiting_entries (appointment_id);
CREATE INDEX ix_waiting_entries_department_id ON waiting_entries (department_id);
CREATE INDEX ix_waiting_entries_doctor_id ON waiting_entries (doctor_id);
CREATE INDEX ix_waiting_entries_department_id_created_at ON waiting_entries (department_id, created_at)
    WHERE state = 'waiting';
CREATE UNIQUE INDEX uq_waiting_entries_once_per_visit ON waiting_entries (appointment_id) WHERE state = 'waiting';

CREATE TABLE freed_slots (
    id UUID NOT NULL,
    doctor_id UUID NOT NULL,
    department_id UUID NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    freed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE,
    outcome VARCHAR(32),
    CONSTRAINT pk_freed_slots PRIMARY KEY (id),
    CONSTRAINT fk_freed_slots_doctor_id FOREIGN KEY (doctor_id) REFERENCES staff_users (id),
    CONSTRAINT fk_freed_slots_department_id FOREIGN KEY (department_id) REFERENCES departments (id),
    CONSTRAINT ck_freed_slots_freedoutcome CHECK (outcome IN ('accepted', 'booked', 'nobody', 'past'))
);
CREATE INDEX ix_freed_slots_doctor_id ON freed_slots (doctor_id);
CREATE INDEX ix_freed_slots_department_id ON freed_slots (department_id);
CREATE UNIQUE INDEX uq_freed_slots_once_at_a_time ON freed_slots (doctor_id, starts_at) WHERE settled_at IS NULL;

CREATE TABLE slot_offers (
    id UUID NOT NULL,
    entry_id UUID NOT NULL,
    freed_slot_id UUID NOT NULL,
    patient_id UUID NOT NULL,
    doctor_id UUID NOT NULL,
    department_id UUID NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state VARCHAR(32) NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    answered_at TIMESTAMP WITH TIME ZONE,
    appointment_id UUID,
    {EDITED},
    CONSTRAINT pk_slot_offers PRIMARY KEY (id),
    CONSTRAINT uq_slot_offers_entry_id_freed_slot_id UNIQUE (entry_id, freed_slot_id),
    CONSTRAINT fk_slot_offers_entry_id FOREIGN KEY (entry_id) REFERENCES waiting_entries (id),
    CONSTRAINT fk_slot_offers_freed_slot_id FOREIGN KEY (freed_slot_id) REFERENCES freed_slots (id),
    CONSTRAINT fk_slot_offers_patient_id FOREIGN KEY (patient_id) REFERENCES patients (id),
    CONSTRAINT fk_slot_offers_doctor_id FOREIGN KEY (doctor_id) REFERENCES staff_users (id),
    CONSTRAINT fk_slot_offers_department_id FOREIGN KEY (department_id) REFERENCES departments (id),
    CONSTRAINT fk_slot_offers_appointment_id FOREIGN KEY (appointment_id) REFERENCES appointments (id),
    CONSTRAINT ck_slot_offers_offerstate
        CHECK (state IN ('open', 'accepted', 'declined', 'expired', 'withdrawn')),
    CONSTRAINT ex_slot_offers_open_at_once EXCLUDE USING gist
        (doctor_id WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (state = 'open')
);
CREATE INDEX ix_slot_offers_freed_slot_id ON slot_offers (freed_slot_id);
CREATE INDEX ix_slot_offers_patient_id ON slot_offers (patient_id);
CREATE INDEX ix_slot_offers_department_id ON slot_offers (department_id);
CREATE INDEX ix_slot_offers_appointment_id ON slot_offers (appointment_id);
CREATE INDEX ix_slot_offers_doctor_id_starts_at ON slot_offers (doctor_id, starts_at);
CREATE INDEX ix_slot_offers_expires_at ON slot_offers (expires_at) WHERE state = 'open';
CREATE UNIQUE INDEX uq_slot_offers_one_open_per_entry ON slot_offers (entry_id) WHERE state = 'open';
"""

# A visit and an open offer never stand at the same time of one doctor. Both sides take the lock that bookings of the
# doctor take, then look: whoever comes second sees what the first one committed.
HOLDS = """
CREATE FUNCTION vien_refuse_held_slot() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.status IN ('cancelled', 'no_show') THEN RETURN NEW; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('book:' || NEW.doctor_id, 0));
    IF EXISTS (SELECT 1 FROM slot_offers o WHERE o.doctor_id = NEW.doctor_id AND o.state = 'open'
               AND tstzrange(o.starts_at, o.ends_at) && tstzrange(NEW.starts_at, NEW.ends_at)) THEN
        RAISE EXCEPTION 'this time is held for somebody on the waiting list'
            USING ERRCODE = '23P01', CONSTRAINT = 'slot_is_held';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION vien_refuse_taken_slot() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.state <> 'open' THEN RETURN NEW; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('book:' || NEW.doctor_id, 0));
    IF EXISTS (SELECT 1 FROM appointments a WHERE a.doctor_id = NEW.doctor_id
               AND a.status NOT IN ('cancelled', 'no_show')
               AND tstzrange(a.starts_at, a.ends_at) && tstzrange(NEW.starts_at, NEW.ends_at)) THEN
        RAISE EXCEPTION 'a visit stands at this time' USING ERRCODE = '23P01', CONSTRAINT = 'slot_is_taken';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_held_slot BEFORE INSERT OR UPDATE OF doctor_id, starts_at, ends_at ON appointments
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_held_slot();
CREATE TRIGGER refuse_taken_slot BEFORE INSERT OR UPDATE OF doctor_id, starts_at, ends_at ON slot_offers
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_taken_slot();
CREATE OR REPLACE VIEW busy_times AS
    SELECT doctor_id, starts_at, ends_at FROM appointments WHERE status NOT IN ('cancelled', 'no_show')
    UNION ALL SELECT doctor_id, starts_at, ends_at FROM slot_offers WHERE state = 'open';

-- What was asked and answered about messages goes with the person.
CREATE FUNCTION vien_erase_reminding() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM slot_offers WHERE patient_id = NEW.id;
    DELETE FROM waiting_entries WHERE patient_id = NEW.id;
    DELETE FROM message_replies WHERE patient_id = NEW.id;
    DELETE FROM message_preferences WHERE patient_id = NEW.id;
    RETURN NEW;
END $$;
CREATE TRIGGER erase_reminding AFTER UPDATE OF erased_at ON patients FOR EACH ROW
    WHEN (NEW.erased_at IS NOT NULL) EXECUTE FUNCTION vien_erase_reminding();
CREATE TRIGGER refuse_for_erased BEFORE INSERT ON waiting_entries
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_erased();
CREATE TRIGGER refuse_for_erased BEFORE INSERT ON message_preferences
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_erased();
CREATE TRIGGER refuse_for_erased BEFORE INSERT ON message_replies
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_for_erased();
"""

GRANTS = """
GRANT SELECT, INSERT, DELETE ON reminder_rules TO vien_app;
GRANT SELECT, INSERT, UPDATE ON message_preferences, waiting_entries, freed_slots, slot_offers TO vien_app;
GRANT SELECT, INSERT, UPDATE ON message_replies TO vien_app;
GRANT SELECT ON reminder_rules TO vien_patient;
GRANT SELECT, INSERT, UPDATE ON message_preferences, waiting_entries TO vien_patient;
GRANT SELECT, UPDATE ON slot_offers TO vien_patient;
GRANT SELECT, INSERT ON freed_slots TO vien_patient;
"""


def upgrade() -> None:
    for part in (VISITS, RULES, PRESETS, WAITING, HOLDS):
        op.execute(part)
    for table in OWN:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY everybodys ON {table} TO vien_app USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY ones_own ON {table} TO vien_patient USING ({BY_PATIENT}) WITH CHECK ({BY_PATIENT})")
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("""
    CREATE OR REPLACE VIEW busy_times AS
        SELECT doctor_id, starts_at, ends_at FROM appointments WHERE status NOT IN ('cancelled', 'no_show');
    DROP TRIGGER erase_reminding ON patients;
    DROP TRIGGER refuse_held_slot ON appointments;
    DROP TABLE slot_offers, freed_slots, waiting_entries, message_replies, message_preferences, reminder_rules;
    DROP FUNCTION vien_refuse_held_slot(), vien_refuse_taken_slot(), vien_erase_reminding();
    DROP INDEX ix_appointment_reminders_unreached;
    UPDATE appointment_reminders SET created_at = due_at WHERE created_at > due_at;
    ALTER TABLE appointment_reminders DROP CONSTRAINT uq_appointment_reminders_appointment_id_rule;
    ALTER TABLE appointment_reminders ADD CONSTRAINT ck_appointment_reminders_due_after_creation
        CHECK (due_at >= created_at);
    ALTER TABLE appointment_reminders DROP COLUMN settled_by, DROP COLUMN settled_at, DROP COLUMN outcome,
        DROP COLUMN turn, DROP COLUMN starts_at;
    ALTER TABLE appointments DROP COLUMN confirmed_via, DROP COLUMN confirmed_at;
    """)
