"""Call patients: queue tickets, and notifications of people."""

revision = "h014"
down_revision = "h013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
