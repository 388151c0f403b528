"""Call patients: queue tickets, the screens that show them, and notifications of people."""

import sqlalchemy as sa
from alembic import op

revision = "h014"
down_revision = "h013"
branch_labels = None
depends_on = None

# Nobody's name: how many are before somebody is counted here, also by a patient, who sees no row of others.
WAITING = """
CREATE VIEW waiting_numbers AS
    SELECT t.id, t.department_id, t.day, t.number, t.priority, t.queued_at
    FROM queue_tickets t JOIN appointments a ON a.id = t.appointment_id
    WHERE t.state = 'waiting' AND a.status = 'arrived';
"""

OWN = "patient_id = vien_current_patient()"

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON queue_tickets, queue_screens, notifications TO vien_app;
GRANT SELECT ON waiting_numbers TO vien_app, vien_patient;
GRANT SELECT ON queue_tickets TO vien_patient;
"""


def _among(name, *values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _edited():
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
    )


def upgrade() -> None:
    op.create_table(
        "queue_tickets",
        sa.Column("appointment_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("priority", _among("priority", "emergency", "preferred", "ordinary"), nullable=False),
        sa.Column("state", _among("ticketstate", "waiting", "called", "done", "missed"), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("room", sa.Text(), nullable=True),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("called_by", sa.Uuid(), nullable=True),
        sa.Column("calls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        *_edited(),
        sa.CheckConstraint("number > 0", name=op.f("ck_queue_tickets_number")),
        sa.CheckConstraint("length(room) BETWEEN 1 AND 20", name=op.f("ck_queue_tickets_room_has_text")),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name=op.f("fk_queue_tickets_appointment_id")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_queue_tickets_patient_id")),
        sa.ForeignKeyConstraint(["department_id"], ["departments.id"], name=op.f("fk_queue_tickets_department_id")),
        sa.ForeignKeyConstraint(["called_by"], ["staff_users.id"], name=op.f("fk_queue_tickets_called_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_tickets")),
        sa.UniqueConstraint("appointment_id", name=op.f("uq_queue_tickets_appointment_id")),
        sa.UniqueConstraint("department_id", "day", "number", name=op.f("uq_queue_tickets_department_id_day_number")),
    )
    op.create_index(op.f("ix_queue_tickets_patient_id"), "queue_tickets", ["patient_id"])
    op.create_index("ix_queue_tickets_called_by_called_at", "queue_tickets", ["called_by", "called_at"])
    op.create_table(
        "queue_screens",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        *_edited(),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 100", name=op.f("ck_queue_screens_name_has_text")),
        sa.ForeignKeyConstraint(["department_id"], ["departments.id"], name=op.f("fk_queue_screens_department_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_screens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_queue_screens_token_hash")),
    )
    op.create_index(op.f("ix_queue_screens_department_id"), "queue_screens", ["department_id"])
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_users.id"], name=op.f("fk_notifications_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("staff_id", "event_id", name=op.f("uq_notifications_staff_id_event_id")),
    )
    op.create_index("ix_notifications_staff_id_created_at", "notifications", ["staff_id", "created_at"])
    op.create_index(
        "ix_notifications_unread", "notifications", ["staff_id"], postgresql_where=sa.text("read_at IS NULL")
    )
    op.execute(WAITING)
    op.execute("ALTER TABLE queue_tickets ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY everybodys ON queue_tickets TO vien_app USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY ones_own ON queue_tickets TO vien_patient USING ({OWN}) WITH CHECK ({OWN})")
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("DROP VIEW waiting_numbers")
    for table in ("notifications", "queue_screens", "queue_tickets"):
        op.drop_table(table)
