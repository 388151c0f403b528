"""Send messages by more ways: templates of the hospital's own, devices for web push, delivery reports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "h012"
down_revision = "h011"
branch_labels = None
depends_on = None

CHANNELS = ("console", "email", "sms", "push")
STATES = ("queued", "sending", "sent", "delivered", "failed", "unknown")
BEFORE = {"channel": CHANNELS[:2], "state": tuple(state for state in STATES if state != "delivered")}


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


# Whose rows are whose: a report is of a message, a device of an account.
OWN = {
    "message_events": "message_id IN (SELECT id FROM outbound_messages)",
    "push_subscriptions": "patient_user_id IN (SELECT id FROM patient_users)",
}

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON message_channels TO vien_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON message_templates, push_subscriptions TO vien_app;
GRANT SELECT, INSERT ON message_events TO vien_app;
GRANT SELECT ON message_templates TO vien_patient;
GRANT SELECT (channel, enabled, plain_letters, own_gateway) ON message_channels TO vien_patient;
GRANT SELECT, INSERT, UPDATE, DELETE ON push_subscriptions TO vien_patient;
"""


def upgrade() -> None:
    _let_in("outbound_messages", "channel", CHANNELS)
    _let_in("appointment_reminders", "channel", CHANNELS)
    _let_in("outbound_messages", "state", STATES)
    op.add_column("outbound_messages", sa.Column("reminder_rule", sa.Text(), nullable=True))
    op.add_column("outbound_messages", sa.Column("provider", sa.Text(), nullable=True))
    op.add_column("outbound_messages", sa.Column("segments", sa.Integer(), nullable=True))
    op.add_column("outbound_messages", sa.Column("cost", sa.BigInteger(), nullable=True))
    op.add_column("outbound_messages", sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_outbound_messages_created_at", "outbound_messages", ["created_at", "id"])
    waits = sa.text("state = 'unknown'")
    op.create_index("ix_outbound_messages_unknown", "outbound_messages", ["created_at"], postgresql_where=waits)
    op.create_index("ix_outbound_messages_provider_id", "outbound_messages", ["provider_id"])
    _make_tables()
    for table, own in OWN.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY everybodys ON {table} TO vien_app USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY ones_own ON {table} TO vien_patient USING ({own}) WITH CHECK ({own})")
    op.execute(GRANTS)


def _make_tables() -> None:
    op.create_table(
        "message_templates",
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("channel", _among("channel", *CHANNELS), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        *_edited(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_templates")),
        sa.UniqueConstraint("template", "channel", "locale", name=op.f("uq_message_templates_template_channel_locale")),
    )
    op.create_table(
        "message_channels",
        sa.Column("channel", _among("channel", *CHANNELS), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("sender_name", sa.Text(), server_default="", nullable=False),
        sa.Column("plain_letters", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("own_gateway", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("gateway", postgresql.JSONB(), nullable=True),
        sa.Column("credential_ciphertext", sa.LargeBinary(), nullable=True),
        sa.Column("credential_nonce", sa.LargeBinary(), nullable=True),
        sa.Column("credential_key_id", sa.Text(), nullable=True),
        sa.Column("hook_secret_ciphertext", sa.LargeBinary(), nullable=True),
        sa.Column("hook_secret_nonce", sa.LargeBinary(), nullable=True),
        sa.Column("hook_secret_key_id", sa.Text(), nullable=True),
        *_edited(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_channels")),
        sa.UniqueConstraint("channel", name=op.f("uq_message_channels_channel")),
    )
    op.create_table(
        "message_events",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", _among("messagestate", *STATES), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("report", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["outbound_messages.id"],
            name=op.f("fk_message_events_message_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_events")),
        sa.UniqueConstraint("report", name=op.f("uq_message_events_report")),
    )
    op.create_index(op.f("ix_message_events_message_id"), "message_events", ["message_id"])
    op.create_table(
        "push_subscriptions",
        sa.Column("patient_user_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("p256dh", sa.Text(), nullable=False),
        sa.Column("auth", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_user_id"], ["patient_users.id"], name=op.f("fk_push_subscriptions_patient_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_subscriptions")),
        sa.UniqueConstraint("patient_user_id", "endpoint", name=op.f("uq_push_subscriptions_patient_user_id_endpoint")),
    )


def downgrade() -> None:
    for table in ("push_subscriptions", "message_events", "message_channels", "message_templates"):
        op.drop_table(table)
    op.drop_index("ix_outbound_messages_unknown", table_name="outbound_messages")
    op.drop_index("ix_outbound_messages_provider_id", table_name="outbound_messages")
    op.drop_index("ix_outbound_messages_created_at", table_name="outbound_messages")
    for column in ("delivered_at", "cost", "segments", "provider", "reminder_rule"):
        op.drop_column("outbound_messages", column)
    op.execute("UPDATE outbound_messages SET state = 'sent' WHERE state = 'delivered'")
    op.execute("UPDATE outbound_messages SET channel = 'console' WHERE channel IN ('sms', 'push')")
    # A reminder planned for several channels is one again.
    op.execute("DELETE FROM appointment_reminders WHERE channel IN ('sms', 'push')")
    _let_in("outbound_messages", "state", BEFORE["state"])
    _let_in("appointment_reminders", "channel", BEFORE["channel"])
    _let_in("outbound_messages", "channel", BEFORE["channel"])


def _let_in(table, column, values) -> None:
    """Say anew which values a column takes."""
    name = {"channel": "channel", "state": "messagestate"}[column]
    listed = ", ".join(f"'{value}'" for value in values)
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({column} IN ({listed}))")
