"""Runs the migrations on the connection that `vote db upgrade` gives."""

from alembic import context
from sqlalchemy import text

from vote.models import Table

ADVISORY_LOCK = 0x5550_4752  # "UPGR": two nodes that upgrade at once take turns

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
    context.run_migrations()
