"""What devices tell beyond usage: counts of each model's calls, and the room that they have."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the table and the columns; devices fill them with their next reports."""
    op.create_table(
        "fleet_telemetry",
        sa.Column("device", sa.String, sa.ForeignKey("device.id"), primary_key=True),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("counts", sa.String, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.add_column("fleet_device", sa.Column("host", sa.String, nullable=True))
    dropped = sa.Column("usage_dropped", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("fleet_device", dropped)


def downgrade() -> None:
    """Remove them."""
    op.drop_column("fleet_device", "usage_dropped")
    op.drop_column("fleet_device", "host")
    op.drop_table("fleet_telemetry")
