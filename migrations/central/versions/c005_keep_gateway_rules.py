"""Keep the rules of the gateway per hospital and portal."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c005"
down_revision = "c004"
branch_labels = None
depends_on = None

TABLES = ("gateway_rules", "ip_access_rules", "security_configs")
TEXTS = postgresql.ARRAY(sa.Text())
PORTALS = "portal IN ('admin', 'hospital', 'patient')"


def _whose(table):
    return (
        sa.Column("hospital_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f(f"fk_{table}_hospital_id")),
    )


def _once(table):
    return (
        sa.UniqueConstraint(
            "hospital_id", "portal", name=op.f(f"uq_{table}_hospital_id_portal"), postgresql_nulls_not_distinct=True
        ),
    )


def upgrade() -> None:
    op.create_table(
        "gateway_rules",
        sa.Column("portal", sa.Text(), nullable=True),
        sa.Column("requests_per_address", sa.Integer(), nullable=True),
        sa.Column("requests_per_person", sa.Integer(), nullable=True),
        sa.Column("sign_ins_per_address", sa.Integer(), nullable=True),
        sa.Column("largest_request_kb", sa.Integer(), nullable=True),
        sa.Column("allow_list_only", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("cors_origins", TEXTS, server_default="{}", nullable=False),
        sa.Column("cors_credential_origins", TEXTS, server_default="{}", nullable=False),
        sa.Column("frame_ancestors", TEXTS, server_default="{}", nullable=False),
        sa.Column("connect_sources", TEXTS, server_default="{}", nullable=False),
        sa.Column("image_sources", TEXTS, server_default="{}", nullable=False),
        sa.Column("hsts_days", sa.Integer(), nullable=True),
        sa.Column("updated_by_name", sa.Text(), nullable=True),
        *_whose("gateway_rules"),
        sa.CheckConstraint(PORTALS, name=op.f("ck_gateway_rules_names_a_portal")),
        sa.CheckConstraint(
            "requests_per_address >= 30 AND requests_per_person >= 30 AND sign_ins_per_address >= 3",
            name=op.f("ck_gateway_rules_lets_people_work"),
        ),
        sa.CheckConstraint("largest_request_kb BETWEEN 64 AND 102400", name=op.f("ck_gateway_rules_bounds_requests")),
        sa.CheckConstraint("hsts_days BETWEEN 0 AND 1825", name=op.f("ck_gateway_rules_bounds_hsts")),
        *_once("gateway_rules"),
    )
    op.create_table(
        "ip_access_rules",
        sa.Column("portal", sa.Text(), nullable=True),
        sa.Column("network", postgresql.CIDR(), nullable=False),
        sa.Column(
            "action",
            sa.Enum("allow", "deny", name="addressaction", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by_name", sa.Text(), nullable=False),
        *_whose("ip_access_rules"),
        sa.CheckConstraint(PORTALS, name=op.f("ck_ip_access_rules_names_a_portal")),
    )
    op.create_table(
        "security_configs",
        sa.Column("portal", sa.Text(), nullable=True),
        sa.Column("idle_minutes", sa.Integer(), nullable=True),
        sa.Column("absolute_minutes", sa.Integer(), nullable=True),
        sa.Column("confirm_after_minutes", sa.Integer(), nullable=True),
        sa.Column("second_factor_required", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("shortest_password", sa.Integer(), nullable=True),
        sa.Column("password_history", sa.Integer(), nullable=True),
        sa.Column("password_days", sa.Integer(), nullable=True),
        sa.Column("updated_by_name", sa.Text(), nullable=True),
        *_whose("security_configs"),
        sa.CheckConstraint(PORTALS, name=op.f("ck_security_configs_names_a_portal")),
        sa.CheckConstraint(
            "idle_minutes BETWEEN 5 AND 120 AND absolute_minutes BETWEEN 30 AND 1440"
            " AND confirm_after_minutes BETWEEN 1 AND 60",
            name=op.f("ck_security_configs_bounds_sessions"),
        ),
        sa.CheckConstraint(
            "shortest_password BETWEEN 8 AND 64 AND password_history BETWEEN 0 AND 24"
            " AND password_days BETWEEN 30 AND 730",
            name=op.f("ck_security_configs_bounds_passwords"),
        ),
        *_once("security_configs"),
    )
    for table in TABLES:
        op.create_index(op.f(f"ix_{table}_hospital_id"), table, ["hospital_id"], unique=False)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TABLES)} TO vien_central_app")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
