"""Carry events: a cursor for each consumer of the outbox, how far it was pruned, merges, and what is handed down."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "h011"
down_revision = "h010"
branch_labels = None
depends_on = None

OWN = "vien_current_patient() IN (patient_id, into_id)"
GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_cursors TO vien_app;
GRANT SELECT, INSERT, UPDATE ON outbox_pruning, handed_down TO vien_app;
GRANT SELECT, INSERT, UPDATE (into_id) ON patient_merges TO vien_app;
GRANT SELECT ON handed_down TO vien_patient;
"""


def upgrade() -> None:
    op.create_table(
        "outbox_cursors",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_outbox_cursors")),
    )
    op.create_table(
        "outbox_pruning",
        sa.Column("single", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("pruned_to", sa.BigInteger(), nullable=False),
        sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("single", name=op.f("ck_outbox_pruning_one_row")),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_outbox_pruning")),
    )
    op.create_table(
        "handed_down",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", JSONB(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_handed_down")),
    )
    op.create_table(
        "patient_merges",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("into_id", sa.Uuid(), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("patient_id <> into_id", name=op.f("ck_patient_merges_into_another")),
        sa.ForeignKeyConstraint(["into_id"], ["patients.id"], name=op.f("fk_patient_merges_into_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_patient_merges_patient_id")),
        sa.PrimaryKeyConstraint("patient_id", name=op.f("pk_patient_merges")),
    )
    op.create_index(op.f("ix_patient_merges_into_id"), "patient_merges", ["into_id"])
    op.execute("ALTER TABLE patient_merges ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY everybodys ON patient_merges TO vien_app USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY ones_own ON patient_merges TO vien_patient USING ({OWN}) WITH CHECK ({OWN})")
    op.execute(GRANTS)


def downgrade() -> None:
    op.drop_table("patient_merges")
    op.drop_table("handed_down")
    op.drop_table("outbox_pruning")
    op.drop_table("outbox_cursors")
