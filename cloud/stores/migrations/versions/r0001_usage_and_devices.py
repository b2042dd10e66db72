"""The first tables: usage by device, and enrolled devices."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "usage",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("graph", sa.String, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.Column("plan_id", sa.String, nullable=False),
        sa.Column("step_id", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("prompt_tokens", sa.Integer, nullable=False),
        sa.Column("completion_tokens", sa.Integer, nullable=False),
        sa.Column("cost_usd", sa.Double, nullable=False),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("latency_s", sa.Double, nullable=False),
    )
    op.create_index("usage_by_device", "usage", ["device", "at"])
    op.create_table(
        "device",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("serial", sa.String, nullable=False),
        sa.Column("enrolled_at", sa.String, nullable=False),
        sa.Column("expires_at", sa.String, nullable=False),
        sa.Column("revoked_at", sa.String),
        sa.Column("ledger_position", sa.BigInteger),
        sa.Column("ledger_head_mac", sa.LargeBinary),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("device")
    op.drop_table("usage")
