"""What alembic runs: the migrations of the history, on the connection that `migrate` hands over."""

from __future__ import annotations

from alembic import context

from shared.history.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # `migrate` has begun the transaction
    version_table="history_schema",
)
context.run_migrations()
