"""The tables of the fleet: states, rollouts, the orders of each, and how the devices stand."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)

from cloud.stores.tables import Moment, metadata

__all__ = [
    "fleet_device",
    "fleet_member",
    "fleet_order",
    "fleet_rollout",
    "fleet_state",
    "fleet_telemetry",
]

_DEVICE: Final = "device.id"

fleet_state = Table(
    "fleet_state",
    metadata,
    Column("hash", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
)
"""Packed states by what orders call them."""

fleet_rollout = Table(
    "fleet_rollout",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("state", String, nullable=False),  # hash; empty for what devices were installed with
    Column("revision", BigInteger, nullable=False),
    Column("labels", String),  # JSON; whom it also reaches later; NULL for nobody
    Column("order_content", LargeBinary),  # for those; NULL for nobody
    Column("order_signature", LargeBinary),
    Column("public_key", LargeBinary, nullable=False),
    Column("waves", String, nullable=False),  # JSON list of shares that grow to 1
    Column("rules", String, nullable=False),  # JSON
    Column("wave", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("wave_at", Moment, nullable=False),
    Column("ended_at", Moment),
)
"""One move of devices to one state."""

fleet_order = Table(
    "fleet_order",
    metadata,
    Column("rollout", ForeignKey("fleet_rollout.id"), primary_key=True),
    Column("device", ForeignKey(_DEVICE), primary_key=True),
    Column("wave", Integer, nullable=False),
    Column("content", LargeBinary),  # NULL: the rollout's own
    Column("signature", LargeBinary),
    Column("undo_content", LargeBinary),  # back to what it ran before; NULL for a latecomer
    Column("undo_signature", LargeBinary),
    Column("undo_state", String),
    Column("outcome", String, nullable=False),
    Column("is_undone", Boolean, nullable=False),
    Column("failure", String, nullable=False),
    Column("quality", Double),
    Column("calls", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("updated_at", Moment, nullable=False),
)
Index("fleet_order_by_device_rollout", fleet_order.c.device, fleet_order.c.rollout)

fleet_device = Table(
    "fleet_device",
    metadata,
    Column("device", ForeignKey(_DEVICE), primary_key=True),
    Column("seen_at", Moment, nullable=False),
    Column("version", String, nullable=False),
    Column("state", String, nullable=False),
    Column("order_number", BigInteger, nullable=False),
    Column("outcome", String, nullable=False),
    Column("failure", String, nullable=False),
    Column("labels", String, nullable=False),  # JSON
    Column("models", String, nullable=False),  # JSON: model -> [health, tokens per second]
    Column("calls", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("usage_series", BigInteger, nullable=False, server_default="0"),
    Column("usage_batch", BigInteger, nullable=False, server_default="0"),
    Column("host", String),  # JSON; how much room it has; NULL where it does not tell
    Column("usage_dropped", BigInteger, nullable=False, server_default="0"),
)
"""What each device last told; usage is summed over its batches, each of which is added once."""

fleet_telemetry = Table(
    "fleet_telemetry",
    metadata,
    Column("device", ForeignKey(_DEVICE), primary_key=True),
    Column("model", String, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("counts", String, nullable=False),  # JSON: name of a closed list -> how often
    Column("updated_at", Moment, nullable=False),
)
"""What the calls of a device's models came to, summed over the same batches."""

fleet_member = Table(
    "fleet_member",
    metadata,
    Column("fleet_group", String, primary_key=True),
    Column("device", ForeignKey(_DEVICE), primary_key=True),
)
"""Which devices an operator has put into which groups."""
