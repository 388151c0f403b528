"""Keep how operators prove who they are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c003"
down_revision = "c002"
branch_labels = None
depends_on = None

STATE = sa.Enum(
    "queued", "sending", "sent", "failed", "unknown", name="letterstate", native_enum=False, create_constraint=True, length=32
)

GRANTS = """
GRANT SELECT, INSERT ON platform_password_history TO vien_central_app;
GRANT SELECT, INSERT, UPDATE ON platform_recovery_codes, platform_passkeys, platform_password_resets,
    platform_invitations, platform_letters TO vien_central_app;
"""


def _of_an_operator(table, *columns):
    op.create_table(
        table,
        *columns,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["platform_users.id"], name=op.f(f"fk_{table}_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_user_id"), table, ["user_id"], unique=False)


def upgrade() -> None:
    op.add_column("platform_users", sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "platform_users", sa.Column("must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("platform_users", sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True))
    _of_an_operator(
        "platform_password_history",
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    _of_an_operator(
        "platform_recovery_codes",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
    )
    _of_an_operator(
        "platform_passkeys",
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("transports", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("backed_up", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("credential_id", name=op.f("uq_platform_passkeys_credential_id")),
    )
    for table, *further in (
        ("platform_password_resets",),
        ("platform_invitations", sa.Column("created_by", sa.Uuid(), nullable=True)),
    ):
        _of_an_operator(
            table,
            sa.Column("token_hash", sa.LargeBinary(), nullable=False),
            sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
            *further,
            sa.UniqueConstraint("token_hash", name=op.f(f"uq_{table}_token_hash")),
        )
    op.create_table(
        "platform_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_letters")),
        sa.UniqueConstraint("key", name=op.f("uq_platform_letters_key")),
    )
    op.create_index(
        "ix_platform_letters_next_attempt_at",
        "platform_letters",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    )
    op.execute(GRANTS)


def downgrade() -> None:
    for table in (
        "platform_letters",
        "platform_invitations",
        "platform_password_resets",
        "platform_passkeys",
        "platform_recovery_codes",
        "platform_password_history",
    ):
        op.drop_table(table)
    for column in ("last_sign_in_at", "must_change_password", "password_changed_at"):
        op.drop_column("platform_users", column)
