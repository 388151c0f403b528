"""Keep what could not be done: dead letters with their reason."""

revision = "c010"
down_revision = "c009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
