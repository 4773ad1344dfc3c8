"""The ballot box, its lots, tree and checkpoints; inspections, leases and proposals."""

import sqlalchemy as sa
from alembic import op

import vote.db

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


# What is written here stays: an operator who wants to change it must remove these first, and the audit still sees it.
FINAL = ("ballot_box", "checkpoints", "minutes")
FREEZE = {
    "sqlite": (
        """CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
           BEGIN SELECT RAISE(ABORT, '{table} is final: no line is changed'); END""",
        """CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
           BEGIN SELECT RAISE(ABORT, '{table} is final: no line is removed'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION {table}_is_final() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION '{table} is final: no line is changed or removed'; END $$""",
        """CREATE TRIGGER {table}_final BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
           FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_final()""",
    ),
}


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.LargeBinary(), nullable=False),
        sa.Column("until", vote.db.Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", vote.db.Instant(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_checkpoints_contest"),
        sa.PrimaryKeyConstraint("contest", "number", name="pk_checkpoints"),
    )
    op.create_table(
        "inspections",
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("at", vote.db.Instant(timezone=True), nullable=False),
        sa.Column("complaints", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_inspections_contest"),
        sa.PrimaryKeyConstraint("contest", "at", name="pk_inspections"),
    )
    op.create_table(
        "lots",
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sealed_at", vote.db.Instant(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_lots_contest"),
        sa.PrimaryKeyConstraint("contest", "number", name="pk_lots"),
    )
    op.create_table(
        "proposals",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("proposer", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", vote.db.Instant(timezone=True), nullable=False),
        sa.Column("ended_at", vote.db.Instant(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_proposals_contest"),
        sa.PrimaryKeyConstraint("id", name="pk_proposals"),
    )
    op.create_table(
        "tiles",
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["contest"], ["contests.slug"], name="fk_tiles_contest"),
        sa.PrimaryKeyConstraint("contest", "level", "number", name="pk_tiles"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ballot_box",
        sa.Column("contest", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ballot_code", sa.LargeBinary(), nullable=False),
        sa.Column("laureate", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contest", "laureate"], ["laureates.contest", "laureates.slug"], name="fk_box_laureate"
        ),
        sa.PrimaryKeyConstraint("contest", "position", name="pk_ballot_box"),
        sa.UniqueConstraint("ballot_code", name="uq_ballot_box_ballot_code"),
        sqlite_with_rowid=False,
    )
    op.add_column("envelopes", sa.Column("held", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("staff", sa.Column("witness", sa.Boolean(), nullable=False, server_default=sa.false()))
    for table in FINAL:
        for statement in FREEZE[op.get_bind().dialect.name]:
            op.execute(statement.format(table=table))
