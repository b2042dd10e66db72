"""Countersigned ledger heads, and which authority each device knows."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_COLUMNS = (
    ("authority", sa.String),
    ("ledger_head_hash", sa.LargeBinary),
    ("anchored_at", sa.BigInteger),
    ("anchor_key", sa.String),
    ("anchor_signature", sa.LargeBinary),
)


def upgrade() -> None:
    """Add the columns; devices fill them when they renew and call."""
    for name, kind in _COLUMNS:
        op.add_column("device", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Remove them."""
    for name, _ in reversed(_COLUMNS):
        op.drop_column("device", name)
