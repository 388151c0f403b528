"""Keep a hospital's own long work: exports, imports, with progress and result."""

revision = "h015"
down_revision = "h014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
