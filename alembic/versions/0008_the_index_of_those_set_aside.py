"""Of envelopes, only those set aside are in the index of suspicions: the others are written without it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ASIDE = sa.text("suspicion IS NOT NULL")


def upgrade() -> None:
    op.drop_index("ix_envelopes_suspicion", "envelopes")
    op.create_index("ix_envelopes_suspicion", "envelopes", ["suspicion"], sqlite_where=ASIDE, postgresql_where=ASIDE)
