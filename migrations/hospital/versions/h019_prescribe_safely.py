"""Prescribe safely: interactions, favourites, order sets, overrides."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "h019"
down_revision = "h018"
branch_labels = None
depends_on = None

TABLES = (
    "order_set_items", "order_sets", "prescription_favourites", "ingredient_interactions", "prescription_overrides",
)  # fmt: skip
KINDS = ("allergy", "duplicate", "interaction", "uncompared", "cancelled")
COLUMNS = ("renewed_from_id", "national_code", "cancelled_at", "cancelled_by", "cancel_reason")

# Like the function of h009, but what is signed may be cancelled with a reason, and be given its national code, once.
FREEZE = """
CREATE OR REPLACE FUNCTION vien_freeze_prescription() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF vien_may_erase(TG_RELID) THEN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END IF;
    IF OLD.status = 'draft' THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    ELSIF TG_OP = 'UPDATE' AND OLD.status = 'signed' AND NEW.status = 'cancelled'
        AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'status', 'cancelled_at', 'cancelled_by', 'cancel_reason',
                          'updated_at', 'updated_by', 'version')
    THEN
        RETURN NEW;
    ELSIF TG_OP = 'UPDATE' AND OLD.status = 'signed' AND OLD.national_code IS NULL AND NEW.national_code IS NOT NULL
        AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'national_code', 'updated_at', 'updated_by', 'version')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a signed prescription is never changed' USING ERRCODE = 'VI002';
END $$;

CREATE TRIGGER keep_signed BEFORE INSERT OR UPDATE OR DELETE ON prescription_overrides
    FOR EACH ROW EXECUTE FUNCTION vien_freeze_prescription_item();
"""

# What of the starting formulary is handed over in packages is dosed in what comes out of them.
COUNT_DOSES = """
UPDATE medicines SET dose_unit = starting.dose_unit, package_content = starting.package_content
FROM (VALUES
    ('INSGLA', 'bút', 'đơn vị', 300), ('SALBUX', 'bình', 'nhát', 200), ('BUDFOR', 'ống', 'nhát', NULL),
    ('FLUTIX', 'lọ', 'nhát', NULL), ('XYLO', 'lọ', 'giọt', NULL), ('NACL09', 'lọ', 'giọt', NULL),
    ('TOBRA', 'lọ', 'giọt', NULL), ('OFLOTAI', 'lọ', 'giọt', NULL), ('NATHYA', 'lọ', 'giọt', NULL),
    ('DICLOGEL', 'tuýp', 'lớp mỏng', NULL), ('ACICKEM', 'tuýp', 'lớp mỏng', NULL),
    ('CLOTRIKEM', 'tuýp', 'lớp mỏng', NULL), ('BETAKEM', 'tuýp', 'lớp mỏng', NULL),
    ('FUSIKEM', 'tuýp', 'lớp mỏng', NULL), ('PERME5', 'tuýp', 'lớp mỏng', NULL)
) AS starting (code, unit, dose_unit, package_content)
WHERE medicines.code = starting.code AND medicines.unit = starting.unit;
"""

AS_BEFORE = """
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
"""

SECURE = """
ALTER TABLE prescription_overrides ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybodys ON prescription_overrides TO vien_app USING (true) WITH CHECK (true);
CREATE POLICY ones_own ON prescription_overrides TO vien_patient
    USING (prescription_id IN (SELECT id FROM prescriptions))
    WITH CHECK (prescription_id IN (SELECT id FROM prescriptions));
GRANT SELECT, INSERT, DELETE ON prescription_overrides TO vien_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ingredient_interactions, prescription_favourites, order_sets, order_set_items
    TO vien_app;
"""


def _among(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _edited(*, versioned: bool = False) -> list[sa.Column]:
    columns = [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
    ]
    if versioned:
        columns.append(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    return columns


def _usual_dose(table: str) -> list[sa.Column | sa.CheckConstraint]:
    timings = ("any", "before_meal", "with_meal", "after_meal", "bedtime")
    return [
        sa.Column("dose_amount", sa.Numeric(8, 3), nullable=False),
        sa.Column("times_per_day", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("meal_timing", _among("mealtiming", *timings), nullable=False),
        sa.Column("instructions", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Numeric(10, 3), nullable=True),
        sa.CheckConstraint("dose_amount > 0", name=op.f(f"ck_{table}_dose_amount")),
        sa.CheckConstraint("quantity > 0", name=op.f(f"ck_{table}_quantity")),
        sa.CheckConstraint("times_per_day BETWEEN 1 AND 24", name=op.f(f"ck_{table}_times_per_day")),
        sa.CheckConstraint("days BETWEEN 1 AND 365", name=op.f(f"ck_{table}_days")),
    ]


def upgrade() -> None:
    _widen()
    op.execute(COUNT_DOSES)
    _make_overrides_and_interactions()
    _make_what_is_at_hand()
    op.execute(FREEZE)
    op.execute(SECURE)


def _widen() -> None:
    op.add_column(
        "medicines", sa.Column("ingredients", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False)
    )
    op.add_column("medicines", sa.Column("dose_unit", sa.Text(), nullable=True))
    op.add_column("medicines", sa.Column("package_content", sa.Numeric(10, 3), nullable=True))
    op.create_check_constraint(op.f("ck_medicines_dose_unit_has_text"), "medicines", "length(dose_unit) > 0")
    op.create_check_constraint(op.f("ck_medicines_package_content"), "medicines", "package_content > 0")
    op.add_column("prescription_items", sa.Column("dose_unit", sa.Text(), nullable=True))
    op.add_column("prescription_items", sa.Column("started_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("prescriptions", sa.Column("renewed_from_id", sa.Uuid(), nullable=True))
    op.add_column("prescriptions", sa.Column("national_code", sa.Text(), nullable=True))
    op.add_column("prescriptions", sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("prescriptions", sa.Column("cancelled_by", sa.Uuid(), nullable=True))
    op.add_column("prescriptions", sa.Column("cancel_reason", sa.Text(), nullable=True))
    op.create_foreign_key(
        op.f("fk_prescriptions_renewed_from_id"), "prescriptions", "prescriptions", ["renewed_from_id"], ["id"],
        ondelete="SET NULL",
    )  # fmt: skip
    op.create_index(op.f("ix_prescriptions_renewed_from_id"), "prescriptions", ["renewed_from_id"])
    op.create_index(
        "uq_prescriptions_national_code", "prescriptions", ["national_code"], unique=True,
        postgresql_where=sa.text("national_code IS NOT NULL"),
    )  # fmt: skip
    for name, condition in (
        ("national_code_has_14_characters", "national_code ~ '^[0-9A-Za-z]{12}-[A-Za-z]$'"),
        ("cancelled_at", "cancelled_at IS NULL OR status = 'cancelled'"),
        ("cancel_reason_has_text", "length(cancel_reason) BETWEEN 1 AND 500"),
    ):
        op.create_check_constraint(op.f(f"ck_prescriptions_{name}"), "prescriptions", condition)


def _make_overrides_and_interactions() -> None:
    op.create_table(
        "prescription_overrides",
        sa.Column("prescription_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _among("warningkind", *KINDS), nullable=False),
        sa.Column("warning_key", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        *_edited(),
        sa.CheckConstraint("length(reason) BETWEEN 1 AND 500", name=op.f("ck_prescription_overrides_reason_has_text")),
        sa.ForeignKeyConstraint(
            ["prescription_id"], ["prescriptions.id"], name=op.f("fk_prescription_overrides_prescription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prescription_overrides")),
        sa.UniqueConstraint(
            "prescription_id", "warning_key", name=op.f("uq_prescription_overrides_prescription_id_warning_key")
        ),
    )  # fmt: skip
    severities = ("contraindicated", "major", "moderate", "minor")
    op.create_table(
        "ingredient_interactions",
        sa.Column("ingredient_a", sa.Text(), nullable=False),
        sa.Column("ingredient_b", sa.Text(), nullable=False),
        sa.Column("key_a", sa.Text(), nullable=False),
        sa.Column("key_b", sa.Text(), nullable=False),
        sa.Column("severity", _among("severity", *severities), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        *_edited(versioned=True),
        sa.CheckConstraint(
            'key_a COLLATE "C" < key_b COLLATE "C"', name=op.f("ck_ingredient_interactions_keys_are_in_order")
        ),
        sa.CheckConstraint(
            "length(source) > 0 AND length(effect) > 0", name=op.f("ck_ingredient_interactions_says_what_and_by_whom")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingredient_interactions")),
        sa.UniqueConstraint("key_a", "key_b", name=op.f("uq_ingredient_interactions_key_a_key_b")),
    )
    op.create_index(op.f("ix_ingredient_interactions_key_b"), "ingredient_interactions", ["key_b"])


def _make_what_is_at_hand() -> None:
    op.create_table(
        "prescription_favourites",
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("medicine_id", sa.Uuid(), nullable=False),
        *_usual_dose("prescription_favourites"),
        *_edited(),
        sa.ForeignKeyConstraint(["doctor_id"], ["staff_users.id"], name=op.f("fk_prescription_favourites_doctor_id")),
        sa.ForeignKeyConstraint(["medicine_id"], ["medicines.id"], name=op.f("fk_prescription_favourites_medicine_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prescription_favourites")),
        sa.UniqueConstraint(
            "doctor_id", "medicine_id", name=op.f("uq_prescription_favourites_doctor_id_medicine_id")
        ),
    )  # fmt: skip
    op.create_index(op.f("ix_prescription_favourites_medicine_id"), "prescription_favourites", ["medicine_id"])
    op.create_table(
        "order_sets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("search_name", sa.Text(), sa.Computed("vien_search_key(name)", persisted=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        *_edited(versioned=True),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 100", name=op.f("ck_order_sets_name_has_text")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_sets")),
        sa.UniqueConstraint("search_name", name=op.f("uq_order_sets_search_name")),
    )
    op.create_table(
        "order_set_items",
        sa.Column("order_set_id", sa.Uuid(), nullable=False),
        sa.Column("medicine_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        *_usual_dose("order_set_items"),
        *_edited(),
        sa.ForeignKeyConstraint(
            ["order_set_id"], ["order_sets.id"], name=op.f("fk_order_set_items_order_set_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["medicine_id"], ["medicines.id"], name=op.f("fk_order_set_items_medicine_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_set_items")),
        sa.UniqueConstraint(
            "order_set_id", "medicine_id", name=op.f("uq_order_set_items_order_set_id_medicine_id")
        ),
    )  # fmt: skip
    op.create_index(op.f("ix_order_set_items_medicine_id"), "order_set_items", ["medicine_id"])


def downgrade() -> None:
    op.execute(AS_BEFORE)
    for table in TABLES:
        op.drop_table(table)
    for name in ("national_code_has_14_characters", "cancelled_at", "cancel_reason_has_text"):
        op.drop_constraint(op.f(f"ck_prescriptions_{name}"), "prescriptions")
    for column in COLUMNS:
        op.drop_column("prescriptions", column)
    for column in ("dose_unit", "started_at"):
        op.drop_column("prescription_items", column)
    for name in ("dose_unit_has_text", "package_content"):
        op.drop_constraint(op.f(f"ck_medicines_{name}"), "medicines")
    for column in ("dose_unit", "package_content", "ingredients"):
        op.drop_column("medicines", column)
