"""Write encounters: templates, problem lists, early-warning scores."""

revision = "h018"
down_revision = "h017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
