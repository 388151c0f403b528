"""Keep how people prove who they are: password history, recovery codes, passkeys, resets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "h003"
down_revision = "h002"
branch_labels = None
depends_on = None

ACCOUNTS = ("staff_users", "patient_users")
ONE_OWNER = "num_nonnulls(staff_id, patient_user_id) = 1"

GRANTS = """
GRANT SELECT, INSERT ON password_history TO vien_app;
GRANT SELECT, INSERT, UPDATE ON recovery_codes, passkeys, password_resets TO vien_app;
"""


def _of_one_account(table, *columns):
    op.create_table(
        table,
        *columns,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("patient_user_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(ONE_OWNER, name=op.f(f"ck_{table}_one_owner")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_users.id"], name=op.f(f"fk_{table}_staff_id")),
        sa.ForeignKeyConstraint(["patient_user_id"], ["patient_users.id"], name=op.f(f"fk_{table}_patient_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    for column in ("staff_id", "patient_user_id"):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)


def upgrade() -> None:
    for table in ACCOUNTS:
        op.add_column(table, sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True))
        op.add_column(table, sa.Column("must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False))
        op.add_column(table, sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True))
    _of_one_account(
        "password_history",
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    _of_one_account(
        "recovery_codes",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
    )
    _of_one_account(
        "passkeys",
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("transports", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("backed_up", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkeys_credential_id")),
    )
    _of_one_account(
        "password_resets",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("token_hash", name=op.f("uq_password_resets_token_hash")),
    )
    # Patients are invited like staff. Code of before names a member of staff each time, and sees no other invitation.
    op.alter_column("invitations", "staff_id", existing_type=sa.Uuid(), nullable=True)
    op.add_column("invitations", sa.Column("patient_user_id", sa.Uuid(), nullable=True))
    op.add_column("invitations", sa.Column("on_paper", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_foreign_key(
        op.f("fk_invitations_patient_user_id"), "invitations", "patient_users", ["patient_user_id"], ["id"]
    )
    op.create_index(op.f("ix_invitations_patient_user_id"), "invitations", ["patient_user_id"], unique=False)
    op.create_check_constraint(op.f("ck_invitations_one_owner"), "invitations", ONE_OWNER)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("DELETE FROM invitations WHERE staff_id IS NULL")
    op.drop_constraint(op.f("ck_invitations_one_owner"), "invitations")
    op.drop_index(op.f("ix_invitations_patient_user_id"), table_name="invitations")
    op.drop_column("invitations", "on_paper")
    op.drop_column("invitations", "patient_user_id")
    op.alter_column("invitations", "staff_id", existing_type=sa.Uuid(), nullable=False)
    for table in ("password_resets", "passkeys", "recovery_codes", "password_history"):
        op.drop_table(table)
    for table in ACCOUNTS:
        for column in ("last_sign_in_at", "must_change_password", "password_changed_at"):
            op.drop_column(table, column)
