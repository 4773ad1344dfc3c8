"""How letters fared at each provider, as counts; and when a letter was posted, until it leaves."""

import sqlalchemy as sa
from alembic import op

import vote.db

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "post_counts",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "outcome", "seconds", name="pk_post_counts"),
        sqlite_with_rowid=False,
    )
    op.add_column("outbox", sa.Column("posted_at", vote.db.Instant(timezone=True), nullable=True))
