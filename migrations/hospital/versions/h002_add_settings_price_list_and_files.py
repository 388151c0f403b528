"""Give hospitals their settings, a price list, files, and invitations of new staff."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "h002"
down_revision = "h001"
branch_labels = None
depends_on = None

# The hospital's own role may say whose a new database is, once; what is said is never changed that way.
CLAIM = """
CREATE FUNCTION vien_claim_database(hospital uuid, hospital_code text, hospital_name text, demo boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO hospital_info (hospital_id, code, name, is_demo) VALUES (hospital, hospital_code, hospital_name, demo)
    ON CONFLICT (only_row) DO NOTHING
$$;
REVOKE ALL ON FUNCTION vien_claim_database(uuid, text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vien_claim_database(uuid, text, text, boolean) TO vien_app;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON settings, services, files, file_links, invitations TO vien_app;
"""


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_files_digest")),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_files_size_is_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    op.create_index(op.f("ix_files_sha256"), "files", ["sha256"], unique=False)
    op.create_table(
        "services",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("currency", sa.Text(), server_default="VND", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_services_price_is_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_services")),
        sa.UniqueConstraint("code", name=op.f("uq_services_code")),
    )
    op.create_table(
        "settings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_settings")),
    )
    op.create_table(
        "file_links",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_file_links_file_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_file_links_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_links")),
        sa.UniqueConstraint(
            "file_id", "subject_type", "subject_id", name=op.f("uq_file_links_file_id_subject_type_subject_id")
        ),
    )
    op.create_index(op.f("ix_file_links_file_id"), "file_links", ["file_id"], unique=False)
    op.create_index(op.f("ix_file_links_patient_id"), "file_links", ["patient_id"], unique=False)
    op.create_index("ix_file_links_subject", "file_links", ["subject_type", "subject_id"], unique=False)
    op.create_table(
        "invitations",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_users.id"], name=op.f("fk_invitations_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
    )
    op.create_index(op.f("ix_invitations_staff_id"), "invitations", ["staff_id"], unique=False)
    op.execute(CLAIM)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("DROP FUNCTION vien_claim_database(uuid, text, text, boolean)")
    op.drop_index(op.f("ix_invitations_staff_id"), table_name="invitations")
    op.drop_table("invitations")
    op.drop_index("ix_file_links_subject", table_name="file_links")
    op.drop_index(op.f("ix_file_links_patient_id"), table_name="file_links")
    op.drop_index(op.f("ix_file_links_file_id"), table_name="file_links")
    op.drop_table("file_links")
    op.drop_table("settings")
    op.drop_table("services")
    op.drop_index(op.f("ix_files_sha256"), table_name="files")
    op.drop_table("files")
