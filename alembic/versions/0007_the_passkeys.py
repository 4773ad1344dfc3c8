"""The passkeys of the staff, and what they are asked to sign."""

import sqlalchemy as sa
from alembic import op

import vote.db

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("added_at", vote.db.Instant(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff"], ["staff.address"], name="fk_passkeys_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.UniqueConstraint("staff", "name", name="uq_passkeys_staff"),
    )
    op.create_table(
        "challenges",
        sa.Column("holder", sa.LargeBinary(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", vote.db.Instant(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff"], ["staff.address"], name="fk_challenges_staff"),
        sa.PrimaryKeyConstraint("holder", name="pk_challenges"),
    )
