"""Every table of every room, for whoever compares the code with the database."""

from cloud.stores import fleet_tables, money_tables
from cloud.stores.tables import metadata

__all__ = ["fleet_tables", "metadata", "money_tables"]
