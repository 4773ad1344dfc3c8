"""Which server takes the letters of a private domain, and how often each such server was seen."""

import sqlalchemy as sa
from alembic import op

import vote.db

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_hosts",
        sa.Column("domain", sa.LargeBinary(), nullable=False),
        sa.Column("host", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", vote.db.Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", name="pk_mail_hosts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mail_hosts_host", "mail_hosts", ["host"], unique=False)
    op.add_column("signals", sa.Column("hosted", sa.Integer(), server_default="0", nullable=False))
    op.add_column("suspicions", sa.Column("host", sa.LargeBinary(), nullable=True))
