"""Plan the day: rooms, types of visits, holidays, capacity."""

from alembic import op

revision = "h017"
down_revision = "h016"
branch_labels = None
depends_on = None

EDITED = """created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, created_by UUID, updated_by UUID"""
# Most visits have none of these: what has none needs no room in an index.
SELDOM = ("type_id", "schedule_id", "room_id", "follows_id", "series_id")

ORGANISATION = f"""
CREATE TABLE facilities (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT,
    phone TEXT,
    position INTEGER DEFAULT 0 NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    {EDITED},
    CONSTRAINT pk_facilities PRIMARY KEY (id),
    CONSTRAINT uq_facilities_code UNIQUE (code)
);
ALTER TABLE departments ADD COLUMN facility_id UUID;
ALTER TABLE departments ADD CONSTRAINT fk_departments_facility_id FOREIGN KEY (facility_id) REFERENCES facilities (id);
CREATE INDEX ix_departments_facility_id ON departments (facility_id);
CREATE TABLE rooms (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    department_id UUID,
    facility_id UUID,
    floor TEXT,
    position INTEGER DEFAULT 0 NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    {EDITED},
    CONSTRAINT pk_rooms PRIMARY KEY (id),
    CONSTRAINT uq_rooms_code UNIQUE (code),
    CONSTRAINT fk_rooms_department_id FOREIGN KEY (department_id) REFERENCES departments (id),
    CONSTRAINT fk_rooms_facility_id FOREIGN KEY (facility_id) REFERENCES facilities (id)
);
CREATE INDEX ix_rooms_department_id ON rooms (department_id);
CREATE INDEX ix_rooms_facility_id ON rooms (facility_id);
CREATE TABLE holidays (
    id UUID NOT NULL,
    day DATE NOT NULL,
    name TEXT NOT NULL,
    {EDITED},
    CONSTRAINT pk_holidays PRIMARY KEY (id),
    CONSTRAINT uq_holidays_day UNIQUE (day),
    CONSTRAINT ck_holidays_name_has_text CHECK (length(name) BETWEEN 1 AND 200)
);
CREATE TABLE appointment_types (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT,
    department_id UUID,
    minutes INTEGER NOT NULL,
    daily_capacity INTEGER,
    position INTEGER DEFAULT 0 NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    {EDITED},
    CONSTRAINT pk_appointment_types PRIMARY KEY (id),
    CONSTRAINT uq_appointment_types_code UNIQUE (code),
    CONSTRAINT fk_appointment_types_department_id FOREIGN KEY (department_id) REFERENCES departments (id),
    CONSTRAINT ck_appointment_types_minutes CHECK (minutes BETWEEN 5 AND 240),
    CONSTRAINT ck_appointment_types_daily_capacity CHECK (daily_capacity BETWEEN 1 AND 500)
);
CREATE INDEX ix_appointment_types_department_id ON appointment_types (department_id);
"""

SCHEDULES = """
ALTER TABLE doctor_schedules ADD COLUMN room_id UUID;
ALTER TABLE doctor_schedules ADD COLUMN capacity INTEGER DEFAULT 1 NOT NULL;
ALTER TABLE doctor_schedules ADD COLUMN overbook_max INTEGER DEFAULT 0 NOT NULL;
ALTER TABLE doctor_schedules
    ADD CONSTRAINT fk_doctor_schedules_room_id FOREIGN KEY (room_id) REFERENCES rooms (id),
    ADD CONSTRAINT ck_doctor_schedules_capacity CHECK (capacity BETWEEN 1 AND 10),
    ADD CONSTRAINT ck_doctor_schedules_overbook_max CHECK (overbook_max BETWEEN 0 AND 5),
    ADD CONSTRAINT ex_doctor_schedules_room_at_once EXCLUDE USING gist (
        room_id WITH =, weekday WITH =, doctor_id WITH <>,
        (int4range(extract(epoch FROM starts)::int, extract(epoch FROM ends)::int)) WITH &&,
        (daterange(valid_from, valid_until, '[]')) WITH &&
    ) WHERE (room_id IS NOT NULL);
CREATE INDEX ix_doctor_schedules_room_id ON doctor_schedules (room_id) WHERE room_id IS NOT NULL;
"""

VISITS = """
ALTER TABLE appointments ADD COLUMN kind VARCHAR(32) DEFAULT 'planned' NOT NULL;
ALTER TABLE appointments ADD COLUMN place SMALLINT DEFAULT 1 NOT NULL;
ALTER TABLE appointments ADD COLUMN type_id UUID, ADD COLUMN schedule_id UUID, ADD COLUMN room_id UUID,
    ADD COLUMN follows_id UUID, ADD COLUMN series_id UUID;
ALTER TABLE appointments
    ADD CONSTRAINT ck_appointments_visitkind CHECK (kind IN ('planned', 'walk_in', 'emergency', 'follow_up')),
    ADD CONSTRAINT ck_appointments_place CHECK (place BETWEEN 1 AND 20),
    ADD CONSTRAINT fk_appointments_type_id FOREIGN KEY (type_id) REFERENCES appointment_types (id),
    ADD CONSTRAINT fk_appointments_schedule_id FOREIGN KEY (schedule_id) REFERENCES doctor_schedules (id),
    ADD CONSTRAINT fk_appointments_room_id FOREIGN KEY (room_id) REFERENCES rooms (id),
    ADD CONSTRAINT fk_appointments_follows_id FOREIGN KEY (follows_id) REFERENCES appointments (id);
ALTER TABLE appointments DROP CONSTRAINT ex_appointments_doctor_at_once;
ALTER TABLE appointments
    ADD CONSTRAINT ex_appointments_doctor_at_once EXCLUDE USING gist (
        doctor_id WITH =, place WITH =, (tstzrange(starts_at, ends_at)) WITH &&
    ) WHERE (status NOT IN ('cancelled', 'no_show')),
    ADD CONSTRAINT ex_appointments_room_at_once EXCLUDE USING gist (
        room_id WITH =, doctor_id WITH <>, (tstzrange(starts_at, ends_at)) WITH &&
    ) WHERE (room_id IS NOT NULL AND status NOT IN ('cancelled', 'no_show'));

CREATE OR REPLACE VIEW busy_times AS
    SELECT doctor_id, starts_at, ends_at, place FROM appointments WHERE status NOT IN ('cancelled', 'no_show')
    UNION ALL SELECT doctor_id, starts_at, ends_at, 1::smallint FROM slot_offers WHERE state = 'open';
"""

# A place beyond the first exists as far as the doctor's hours say; emergencies alone are never refused for it.
LIMITS = """
CREATE FUNCTION vien_refuse_overbooking() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.place = 1 OR NEW.kind = 'emergency' OR NEW.status IN ('cancelled', 'no_show') THEN RETURN NEW; END IF;
    IF NOT EXISTS (SELECT 1 FROM doctor_schedules s WHERE s.id = NEW.schedule_id AND s.doctor_id = NEW.doctor_id
                   AND NEW.place <= s.capacity + s.overbook_max) THEN
        RAISE EXCEPTION 'the doctor''s hours allow no further place at this time'
            USING ERRCODE = '23P01', CONSTRAINT = 'slot_is_full';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_overbooking
    BEFORE INSERT OR UPDATE OF place, kind, schedule_id, doctor_id, starts_at, ends_at ON appointments
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_overbooking();
"""

# An open offer holds one place. Which hours it lies in says how many places there are; without hours there is one.
# Both sides take the lock that bookings of the doctor take, then count: whoever comes second sees the first.
OFFERS = """
ALTER TABLE slot_offers ADD COLUMN schedule_id UUID;
ALTER TABLE slot_offers
    ADD CONSTRAINT fk_slot_offers_schedule_id FOREIGN KEY (schedule_id) REFERENCES doctor_schedules (id);
CREATE INDEX ix_slot_offers_schedule_id ON slot_offers (schedule_id) WHERE schedule_id IS NOT NULL;
CREATE OR REPLACE FUNCTION vien_refuse_held_slot() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held integer;
    standing integer;
    places integer;
BEGIN
    IF NEW.status IN ('cancelled', 'no_show') OR NEW.kind = 'emergency' THEN RETURN NEW; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('book:' || NEW.doctor_id, 0));
    SELECT count(*) INTO held FROM slot_offers o WHERE o.doctor_id = NEW.doctor_id AND o.state = 'open'
        AND tstzrange(o.starts_at, o.ends_at) && tstzrange(NEW.starts_at, NEW.ends_at);
    IF held = 0 THEN RETURN NEW; END IF;
    SELECT count(*) INTO standing FROM appointments a WHERE a.doctor_id = NEW.doctor_id AND a.id <> NEW.id
        AND a.status NOT IN ('cancelled', 'no_show')
        AND tstzrange(a.starts_at, a.ends_at) && tstzrange(NEW.starts_at, NEW.ends_at);
    SELECT s.capacity + s.overbook_max INTO places FROM doctor_schedules s
        WHERE s.id = NEW.schedule_id AND s.doctor_id = NEW.doctor_id;
    IF held + standing >= coalesce(places, 1) THEN
        RAISE EXCEPTION 'this time is held for somebody on the waiting list'
            USING ERRCODE = '23P01', CONSTRAINT = 'slot_is_held';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION vien_refuse_taken_slot() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    standing integer;
    places integer;
BEGIN
    IF NEW.state <> 'open' THEN RETURN NEW; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('book:' || NEW.doctor_id, 0));
    SELECT count(*) INTO standing FROM appointments a WHERE a.doctor_id = NEW.doctor_id
        AND a.status NOT IN ('cancelled', 'no_show')
        AND tstzrange(a.starts_at, a.ends_at) && tstzrange(NEW.starts_at, NEW.ends_at);
    SELECT s.capacity INTO places FROM doctor_schedules s WHERE s.id = NEW.schedule_id AND s.doctor_id = NEW.doctor_id;
    IF standing >= coalesce(places, 1) THEN
        RAISE EXCEPTION 'a visit stands at this time' USING ERRCODE = '23P01', CONSTRAINT = 'slot_is_taken';
    END IF;
    RETURN NEW;
END $$;
"""
# As h013 made them: where there is one place, a visit and an offer never stand at the same time.
OFFERS_BEFORE = """
CREATE OR REPLACE FUNCTION vien_refuse_held_slot() RETURNS trigger
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
CREATE OR REPLACE FUNCTION vien_refuse_taken_slot() RETURNS trigger
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
ALTER TABLE slot_offers DROP COLUMN schedule_id;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON facilities, rooms, appointment_types TO vien_app;
GRANT SELECT, INSERT, DELETE ON holidays TO vien_app;
GRANT DELETE ON schedule_exceptions TO vien_app;
GRANT SELECT ON facilities, rooms, appointment_types, holidays TO vien_patient;
"""


def upgrade() -> None:
    for part in (ORGANISATION, SCHEDULES, VISITS, LIMITS, OFFERS, GRANTS):
        op.execute(part)
    for name in SELDOM:
        op.execute(f"CREATE INDEX ix_appointments_{name} ON appointments ({name}) WHERE {name} IS NOT NULL")


def downgrade() -> None:
    # Where visits stand side by side the older constraint refuses them, and nothing is changed.
    op.execute(OFFERS_BEFORE)
    op.execute("""
    DROP TRIGGER refuse_overbooking ON appointments;
    DROP FUNCTION vien_refuse_overbooking();
    DROP VIEW busy_times;
    CREATE VIEW busy_times AS
        SELECT doctor_id, starts_at, ends_at FROM appointments WHERE status NOT IN ('cancelled', 'no_show')
        UNION ALL SELECT doctor_id, starts_at, ends_at FROM slot_offers WHERE state = 'open';
    GRANT SELECT ON busy_times TO vien_app, vien_patient;
    ALTER TABLE appointments DROP CONSTRAINT ex_appointments_doctor_at_once,
        DROP CONSTRAINT ex_appointments_room_at_once;
    ALTER TABLE appointments ADD CONSTRAINT ex_appointments_doctor_at_once EXCLUDE USING gist (
        doctor_id WITH =, (tstzrange(starts_at, ends_at)) WITH &&
    ) WHERE (status NOT IN ('cancelled', 'no_show'));
    ALTER TABLE appointments DROP COLUMN kind, DROP COLUMN place, DROP COLUMN type_id, DROP COLUMN schedule_id,
        DROP COLUMN room_id, DROP COLUMN follows_id, DROP COLUMN series_id;
    ALTER TABLE doctor_schedules DROP CONSTRAINT ex_doctor_schedules_room_at_once, DROP COLUMN room_id,
        DROP COLUMN capacity, DROP COLUMN overbook_max;
    ALTER TABLE departments DROP COLUMN facility_id;
    REVOKE DELETE ON schedule_exceptions FROM vien_app;
    DROP TABLE appointment_types, holidays, rooms, facilities;
    """)
