"""Remind patients by the hospital's rules and their own preferences; keep a waiting list."""

revision = "h013"
down_revision = "h012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
