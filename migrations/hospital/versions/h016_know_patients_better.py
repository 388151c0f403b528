"""Know patients better: relations, states, photos, reversible merges."""

revision = "h016"
down_revision = "h015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
