"""Which batch of usage each device told last, so that none is added twice."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_COLUMNS = ("usage_series", "usage_batch")


def upgrade() -> None:
    """Add the columns; what was told so far was not numbered."""
    for name in _COLUMNS:
        column = sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        op.add_column("fleet_device", column)


def downgrade() -> None:
    """Remove them."""
    for name in reversed(_COLUMNS):
        op.drop_column("fleet_device", name)
