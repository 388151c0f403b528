"""Send messages by more ways: templates of the hospital's own, devices for web push, delivery reports."""

revision = "h012"
down_revision = "h011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
