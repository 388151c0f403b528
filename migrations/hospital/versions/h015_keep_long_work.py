"""Keep a hospital's own long work: exports, imports, with progress and result."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "h015"
down_revision = "h014"
branch_labels = None
depends_on = None

TABLES = ("long_work_rows", "long_work_files", "long_work")

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON long_work TO vien_app;
GRANT SELECT, INSERT, DELETE ON long_work_files, long_work_rows TO vien_app;
"""


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _jsonb(name: str) -> sa.Column:
    return sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False)


def _time(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    states = ("prepared", "queued", "running", "succeeded", "failed", "cancelled")
    op.create_table(
        "long_work",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", _enum("longworkstate", *states), nullable=False),
        _jsonb("arguments"),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), server_default="vi", nullable=False),
        sa.Column("requested_by_kind", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("requested_by_name", sa.Text(), nullable=False),
        _time("requested_at", nullable=False),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        _jsonb("checkpoint"),
        _jsonb("result"),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("spent_seconds", sa.Double(), server_default="0", nullable=False),
        sa.Column("runner", sa.Text(), nullable=True),
        _time("heartbeat_at"),
        _time("started_at"),
        _time("finished_at"),
        _time("cancel_requested_at"),
        _time("expires_at"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_long_work")),
    )
    op.create_index(
        "ix_long_work_requested_at", "long_work", [sa.literal_column("requested_at DESC"), "id"], unique=False
    )
    for name, columns, unique, where in (
        ("ix_long_work_unfinished", ["requested_at"], False, "state IN ('queued', 'running')"),
        ("ix_long_work_expires_at", ["expires_at"], False, "expires_at IS NOT NULL"),
        ("uq_long_work_running", ["kind"], True, "state = 'running'"),
        ("uq_long_work_key", ["kind", "key"], True, "state IN ('queued', 'running', 'succeeded')"),
    ):
        op.create_index(name, "long_work", columns, unique=unique, postgresql_where=sa.text(where))
    op.create_table(
        "long_work_files",
        sa.Column("work_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", _enum("filepurpose", "source", "result", "refused"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_long_work_files_file_id")),
        sa.ForeignKeyConstraint(["work_id"], ["long_work.id"], name=op.f("fk_long_work_files_work_id")),
        sa.PrimaryKeyConstraint("work_id", "purpose", "number", name=op.f("pk_long_work_files")),
    )
    op.create_index(op.f("ix_long_work_files_file_id"), "long_work_files", ["file_id"], unique=False)
    op.create_table(
        "long_work_rows",
        sa.Column("work_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outcome", _enum("rowoutcome", "refused", "duplicate"), nullable=False),
        sa.Column("column", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["work_id"], ["long_work.id"], name=op.f("fk_long_work_rows_work_id")),
        sa.PrimaryKeyConstraint("work_id", "number", name=op.f("pk_long_work_rows")),
    )
    op.execute(GRANTS)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
