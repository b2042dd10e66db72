"""Budgets, limits, prices, reservations with their idempotency keys, and replicas."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "budget",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("cap_micros", sa.BigInteger),
        sa.Column("cap_tokens", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "budget_account",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("budget_id", _ROW_ID, nullable=False),
        sa.Column("part", sa.String, nullable=False),
        sa.Column("period_key", sa.String, nullable=False),
        *(
            sa.Column(f"{name}_{unit}", sa.BigInteger, nullable=False)
            for name in ("spent", "reserved", "excess")
            for unit in ("micros", "tokens")
        ),
        sa.UniqueConstraint("budget_id", "part", "period_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "reservation",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("replica", sa.String, nullable=False),
        sa.Column("accounts", sa.String, nullable=False),
        sa.Column("micros", sa.BigInteger, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
        sa.Column("call", sa.String, nullable=False),
        sa.Column("claim", sa.String),
        sa.Column("request", sa.String),
        sa.Column("reserved_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("presumed_at", sa.BigInteger),
        sa.Column("settled_at", sa.BigInteger),
        sa.Column("answered_until", sa.BigInteger),
    )
    is_open = sa.text("settled_at IS NULL")
    op.create_index(
        "reservation_open",
        "reservation",
        ["replica"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("reservation_by_settled_at", "reservation", ["settled_at"])
    has_claim = sa.text("claim IS NOT NULL")
    op.create_index(
        "reservation_by_claim",
        "reservation",
        ["claim"],
        sqlite_where=has_claim,
        postgresql_where=has_claim,
    )
    op.create_table(
        "rate_limit",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("requests_per_minute", sa.BigInteger),
        sa.Column("tokens_per_minute", sa.BigInteger),
        sa.Column("max_concurrent", sa.BigInteger),
    )
    op.create_table(
        "price",
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("upstream", sa.String, primary_key=True),
        sa.Column("valid_from", sa.Date, primary_key=True),
        sa.Column("prompt_micros_per_mtok", sa.BigInteger, nullable=False),
        sa.Column("completion_micros_per_mtok", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "replica",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "rules_revision",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Remove them."""
    for table in (
        "rules_revision",
        "replica",
        "price",
        "rate_limit",
        "reservation",
        "budget_account",
        "budget",
    ):
        op.drop_table(table)
