"""Which certificate authority the devices of this store were enrolled by."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table; the first gateway that starts fills it."""
    op.create_table(
        "authority",
        sa.Column("fingerprint", sa.String, primary_key=True),
        sa.Column("since", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("authority")
