"""Every table of every room, for whoever compares the code with the database."""

from cloud.stores import money_tables
from cloud.stores.tables import metadata

__all__ = ["metadata", "money_tables"]
