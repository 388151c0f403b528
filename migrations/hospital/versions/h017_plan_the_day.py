"""Plan the day: rooms, types of visits, holidays, capacity."""

revision = "h017"
down_revision = "h016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
