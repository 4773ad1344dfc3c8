"""Screening: marks of arrival, suspicions, rejected ballots; addresses whose owners disowned a letter."""

import sqlalchemy as sa
from alembic import op

import vote.db

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A rejection is as final as a sealing.
FREEZE = {
    "sqlite": (
        """CREATE TRIGGER rejected_ballots_no_update BEFORE UPDATE ON rejected_ballots
           BEGIN SELECT RAISE(ABORT, 'rejected_ballots is final: no line is changed'); END""",
        """CREATE TRIGGER rejected_ballots_no_delete BEFORE DELETE ON rejected_ballots
           BEGIN SELECT RAISE(ABORT, 'rejected_ballots is final: no line is removed'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION rejected_ballots_is_final() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'rejected_ballots is final: no line is changed or removed'; END $$""",
        """CREATE TRIGGER rejected_ballots_final BEFORE UPDATE OR DELETE OR TRUNCATE ON rejected_ballots
           FOR EACH STATEMENT EXECUTE FUNCTION rejected_ballots_is_final()""",
    ),
}


def upgrade() -> None:
    counts = ("asked", "private", "domains", *(f"gap{number}" for number in range(8)))
    op.create_table(
        "signals",
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("span", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("window_at", vote.db.Instant(timezone=True), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in counts),
        sa.PrimaryKeyConstraint("mark", "span", "window_at", name="pk_signals"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "suspicions",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("network", sa.LargeBinary(), nullable=True),
        sa.Column("domain", sa.LargeBinary(), nullable=True),
        sa.Column("gap", sa.Integer(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("at", vote.db.Instant(timezone=True), nullable=False),
        sa.Column("told_at", vote.db.Instant(timezone=True), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("decided_at", vote.db.Instant(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_suspicions_contest"),
        sa.PrimaryKeyConstraint("id", name="pk_suspicions"),
    )
    op.create_table(
        "rejected_ballots",
        sa.Column("ballot_code", sa.LargeBinary(), nullable=False),
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("suspicion", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_rejected_ballots_contest"),
        sa.PrimaryKeyConstraint("ballot_code", name="pk_rejected_ballots"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "disowned",
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("voter_key", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_disowned_contest"),
        sa.PrimaryKeyConstraint("contest", "voter_key", name="pk_disowned"),
        sqlite_with_rowid=False,
    )
    op.add_column("verifications", sa.Column("domain", sa.Text(), nullable=False, server_default=""))
    op.add_column("verifications", sa.Column("doubt", sa.Text(), nullable=True))
    with op.batch_alter_table("envelopes", schema=None) as batch_op:
        batch_op.drop_column("held")
        batch_op.add_column(sa.Column("suspicion", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("network", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("domain", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("gap", sa.Integer(), nullable=True))
        batch_op.create_index("ix_envelopes_suspicion", ["suspicion"], unique=False)
    for statement in FREEZE[op.get_bind().dialect.name]:
        op.execute(statement)
