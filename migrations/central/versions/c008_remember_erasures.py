"""Remember whom hospitals have erased, so that a restore does not bring them back."""

import sqlalchemy as sa
from alembic import op

revision = "c008"
down_revision = "c007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_erasures_hospital_id")),
        sa.PrimaryKeyConstraint("hospital_id", "patient_id", name=op.f("pk_erasures")),
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON erasures TO vien_central_app")


def downgrade() -> None:
    op.drop_table("erasures")
