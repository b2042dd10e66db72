"""Run by alembic: applies revisions in the transaction that ``cloud.stores.schema`` began."""

from alembic import context

from cloud.stores.all_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
