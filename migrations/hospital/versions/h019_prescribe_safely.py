"""Prescribe safely: interactions, favourites, order sets, overrides."""

revision = "h019"
down_revision = "h018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
