"""Keep hospitals' own rules for forms."""

revision = "c011"
down_revision = "c010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
