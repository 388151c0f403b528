"""Run the laboratory: catalogue, orders, specimens, results, reports."""

revision = "h022"
down_revision = "h021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
