"""The tables of a voting day."""

import sqlalchemy as sa
from alembic import op

import vote.db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contests",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("opens_at", vote.db.Instant(timezone=True), nullable=False),
        sa.Column("closes_at", vote.db.Instant(timezone=True), nullable=False),
        sa.Column("closed_at", vote.db.Instant(timezone=True), nullable=True),
        sa.Column("published_at", vote.db.Instant(timezone=True), nullable=True),
        sa.Column("results", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint("opens_at < closes_at", name=op.f("ck_contests_opens_before_it_closes")),
        sa.PrimaryKeyConstraint("slug", name="pk_contests"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("due_at", vote.db.Instant(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_due_at", ["due_at"], unique=False)

    op.create_table(
        "staff",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("address", name="pk_staff"),
    )
    op.create_table(
        "laureates",
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_laureates_contest"),
        sa.PrimaryKeyConstraint("contest", "slug", name="pk_laureates"),
    )
    op.create_table(
        "minutes",
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", vote.db.Instant(timezone=True), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_minutes_contest"),
        sa.PrimaryKeyConstraint("contest", "number", name="pk_minutes"),
    )
    op.create_table(
        "poll_book",
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("voter_key", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_poll_book_contest"),
        sa.PrimaryKeyConstraint("contest", "voter_key", name="pk_poll_book"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("opened_at", vote.db.Instant(timezone=True), nullable=False),
        sa.Column("expires_at", vote.db.Instant(timezone=True), nullable=False),
        sa.Column("revoked_at", vote.db.Instant(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff"], ["staff.address"], name="fk_sessions_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("expires_at", vote.db.Instant(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("used_at", vote.db.Instant(timezone=True), nullable=True),
        sa.CheckConstraint("attempts BETWEEN 0 AND 5", name=op.f("ck_sign_ins_tries")),
        sa.ForeignKeyConstraint(["staff"], ["staff.address"], name="fk_sign_ins_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_sign_ins"),
    )
    op.create_table(
        "turnout",
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("hour_at", vote.db.Instant(timezone=True), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_turnout_contest"),
        sa.PrimaryKeyConstraint("contest", "hour_at", "slot", name="pk_turnout"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "verifications",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("voter_key", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", vote.db.Instant(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.CheckConstraint("attempts BETWEEN 0 AND 5", name=op.f("ck_verifications_tries")),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_verifications_contest"),
        sa.PrimaryKeyConstraint("id", name="pk_verifications"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.create_index("ix_verifications_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "envelopes",
        sa.Column("ballot_code", sa.LargeBinary(), nullable=False),
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("laureate", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("window_at", vote.db.Instant(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contest", "laureate"], ["laureates.contest", "laureates.slug"], name="fk_envelopes_laureate"
        ),
        sa.PrimaryKeyConstraint("ballot_code", name="pk_envelopes"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "running_count",
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("laureate", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contest", "laureate"], ["laureates.contest", "laureates.slug"], name="fk_running_count_laureate"
        ),
        sa.PrimaryKeyConstraint("contest", "laureate", "slot", name="pk_running_count"),
        sqlite_with_rowid=False,
    )
