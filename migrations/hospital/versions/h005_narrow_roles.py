"""Narrow roles by department, treatment and field, and keep emergency access."""

import sqlalchemy as sa
from alembic import op

revision = "h005"
down_revision = "h004"
branch_labels = None
depends_on = None


def _among(name, *values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON roles, role_permissions, staff_roles, role_field_rules TO vien_app;
GRANT SELECT, INSERT ON emergency_access TO vien_app;
GRANT UPDATE (ended_at, verdict, review_note, reviewed_at, reviewed_by, reviewed_by_name, version)
    ON emergency_access TO vien_app;
"""

# Doctors and nurses who work already see their department's patients from now on; what others see stays.
NARROW = "UPDATE roles SET scope = 'department' WHERE code IN ('doctor', 'nurse')"

# Fields that the presets close, for hospitals that have the roles already: role, field, access.
CLOSED = (
    *(("doctor", f"patient.{name}", "read") for name in ("cccd", "bhyt", "phone", "email", "address")),
    *(("nurse", f"patient.{name}", "read") for name in ("cccd", "bhyt", "phone", "email", "address")),
    *(("nurse", f"record.{name}", "read") for name in ("complaint", "history", "examination", "assessment", "plan")),
    ("nurse", "prescription.medicines", "read"),
    *(
        (role, f"record.{name}", "hidden")
        for role in ("receptionist", "administrator")
        for name in ("complaint", "history", "examination", "assessment", "plan")
    ),
    ("receptionist", "prescription.medicines", "hidden"),
    ("administrator", "prescription.medicines", "hidden"),
    ("administrator", "patient.allergies", "hidden"),
    ("administrator", "visit.reason", "hidden"),
    *(("administrator", f"patient.{name}", "read") for name in ("cccd", "bhyt", "phone", "email", "address")),
)


def upgrade() -> None:
    op.add_column(
        "roles",
        sa.Column("scope", _among("scope", "hospital", "department", "treating"), server_default="hospital", nullable=False),
    )
    op.add_column(
        "patients",
        sa.Column(
            "confidentiality", _among("confidentiality", "normal", "restricted"), server_default="normal", nullable=False
        ),
    )
    op.add_column("sessions", sa.Column("renews", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "role_field_rules",
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("access", _among("fieldaccess", "write", "read", "hidden"), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_role_field_rules_role_id")),
        sa.PrimaryKeyConstraint("role_id", "field", name=op.f("pk_role_field_rules")),
    )
    op.create_table(
        "emergency_access",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("staff_name", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", _among("verdict", "justified", "not_justified"), nullable=True),
        sa.Column("review_note", sa.Text(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.Uuid(), nullable=True),
        sa.Column("reviewed_by_name", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("expires_at > begun_at", name=op.f("ck_emergency_access_expires_after_it_began")),
        sa.CheckConstraint("length(reason) BETWEEN 10 AND 500", name=op.f("ck_emergency_access_has_reason")),
        sa.CheckConstraint(
            "num_nonnulls(verdict, reviewed_at, reviewed_by) IN (0, 3)", name=op.f("ck_emergency_access_reviewed_whole")
        ),
        sa.CheckConstraint("reviewed_by <> staff_id", name=op.f("ck_emergency_access_reviewed_by_another")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_emergency_access_patient_id")),
        sa.ForeignKeyConstraint(["reviewed_by"], ["staff_users.id"], name=op.f("fk_emergency_access_reviewed_by")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_users.id"], name=op.f("fk_emergency_access_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergency_access")),
    )
    op.create_index(
        "ix_emergency_access_staff_id_patient_id_expires_at",
        "emergency_access",
        ["staff_id", "patient_id", "expires_at"],
        unique=False,
    )
    op.create_index(op.f("ix_emergency_access_patient_id"), "emergency_access", ["patient_id"], unique=False)
    op.create_index(op.f("ix_emergency_access_reviewed_by"), "emergency_access", ["reviewed_by"], unique=False)
    op.create_index(
        "ix_emergency_access_to_review",
        "emergency_access",
        ["review_by"],
        unique=False,
        postgresql_where=sa.text("reviewed_at IS NULL"),
    )
    op.execute(GRANTS)
    op.execute(NARROW)
    rule = sa.text(
        "INSERT INTO role_field_rules (role_id, field, access) SELECT id, :field, :access FROM roles WHERE code = :role"
    )
    for role, field, access in CLOSED:
        op.execute(rule.bindparams(role=role, field=field, access=access))


def downgrade() -> None:
    op.drop_table("emergency_access")
    op.drop_table("role_field_rules")
    op.drop_column("sessions", "renews")
    op.drop_column("patients", "confidentiality")
    op.drop_column("roles", "scope")
