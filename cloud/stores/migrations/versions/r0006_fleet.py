"""Desired states, rollouts and their orders, groups, and how devices stand."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "fleet_state",
        sa.Column("hash", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "fleet_rollout",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("labels", sa.String),
        sa.Column("order_content", sa.LargeBinary),
        sa.Column("order_signature", sa.LargeBinary),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("waves", sa.String, nullable=False),
        sa.Column("rules", sa.String, nullable=False),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("wave_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_table(
        "fleet_order",
        sa.Column("rollout", sa.BigInteger, sa.ForeignKey("fleet_rollout.id"), primary_key=True),
        sa.Column("device", sa.String, sa.ForeignKey("device.id"), primary_key=True),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary),
        sa.Column("signature", sa.LargeBinary),
        sa.Column("undo_content", sa.LargeBinary),
        sa.Column("undo_signature", sa.LargeBinary),
        sa.Column("undo_state", sa.String),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("is_undone", sa.Boolean, nullable=False),
        sa.Column("failure", sa.String, nullable=False),
        sa.Column("quality", sa.Double),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_index("fleet_order_by_device_rollout", "fleet_order", ["device", "rollout"])
    op.create_table(
        "fleet_device",
        sa.Column("device", sa.String, sa.ForeignKey("device.id"), primary_key=True),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("order_number", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("failure", sa.String, nullable=False),
        sa.Column("labels", sa.String, nullable=False),
        sa.Column("models", sa.String, nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "fleet_member",
        sa.Column("fleet_group", sa.String, primary_key=True),
        sa.Column("device", sa.String, sa.ForeignKey("device.id"), primary_key=True),
    )


def downgrade() -> None:
    """Remove them."""
    for table in ("fleet_member", "fleet_device", "fleet_order", "fleet_rollout", "fleet_state"):
        op.drop_table(table)
