"""What an answer that was lost leaves behind: which key has used a token, who signed last."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_COLUMNS = (("join_token", "used_key", sa.LargeBinary), ("device", "certified_by", sa.String))


def upgrade() -> None:
    """Add the columns; tokens that were used before are good for no repeat."""
    for table, name, kind in _COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Remove them."""
    for table, name, _ in reversed(_COLUMNS):
        op.drop_column(table, name)
