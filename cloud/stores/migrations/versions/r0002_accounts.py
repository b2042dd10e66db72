"""Tenants, API keys, join tokens and the audit trail; devices and usage belong to tenants.

Moments become whole microseconds and money whole micro-dollars, so that both databases treat them
alike. What the old tables hold is carried over, in both directions; going down loses keys, tenants,
join tokens and the audit trail.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BATCH = 5_000
_Row = dict[str, Any]


def upgrade() -> None:
    """Make the new tables, and carry devices and usage over."""
    _make_accounts()
    op.rename_table("device", "old_device")
    op.create_table(
        "device",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("serial", sa.String, nullable=False),
        sa.Column("enrolled_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("ledger_position", sa.BigInteger),
        sa.Column("ledger_head_mac", sa.LargeBinary),
        # The renamed table keeps its key's name, which PostgreSQL gives to one table only.
        sa.PrimaryKeyConstraint("id", name="pk_device_of_tenant"),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.id"], name="fk_device_tenant"),
    )
    _carry("old_device", "device", _new_device)
    op.drop_table("old_device")
    op.create_table(
        "usage_record",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        *_texts("tenant", "caller_kind", "caller", "model", "graph"),
        *_texts("request_id", "plan_id", "step_id", "status"),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost_micros", sa.BigInteger, nullable=False),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("cache_hit", sa.Boolean, nullable=False),
        sa.Column("latency_s", sa.Double, nullable=False),
    )
    _carry("usage", "usage_record", _new_usage)
    op.drop_table("usage")
    op.create_index("usage_record_by_at", "usage_record", ["at"])


def downgrade() -> None:
    """Carry devices and usage back."""
    op.create_table(
        "usage",
        sa.Column("id", _ROW_ID, primary_key=True),
        *_texts("at", "device", "model", "graph", "request_id", "plan_id", "step_id", "status"),
        sa.Column("prompt_tokens", sa.Integer, nullable=False),
        sa.Column("completion_tokens", sa.Integer, nullable=False),
        sa.Column("cost_usd", sa.Double, nullable=False),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("latency_s", sa.Double, nullable=False),
    )
    _carry("usage_record", "usage", _old_usage)
    op.drop_table("usage_record")
    op.create_index("usage_by_device", "usage", ["device", "at"])
    op.rename_table("device", "new_device")
    op.create_table(
        "device",
        sa.Column("id", sa.String, primary_key=True),
        *_texts("serial", "enrolled_at", "expires_at"),
        sa.Column("revoked_at", sa.String),
        sa.Column("ledger_position", sa.BigInteger),
        sa.Column("ledger_head_mac", sa.LargeBinary),
    )
    _carry("new_device", "device", _old_device)
    for name in ("new_device", "audit", "access_version", "join_token", "api_key", "tenant"):
        op.drop_table(name)


def _make_accounts() -> None:
    tenant = op.create_table(
        "tenant",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
    )
    op.bulk_insert(tenant, [{"id": "default", "created_at": 0}])
    op.create_table(
        "api_key",
        sa.Column("id", sa.String, primary_key=True),
        *_texts("tenant", "name"),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("models", sa.String),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("replaced_by", sa.String),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.id"], name="fk_api_key_tenant"),
    )
    op.create_table(
        "join_token",
        sa.Column("id", sa.String, primary_key=True),
        *_texts("tenant"),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        *_texts("device"),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.id"], name="fk_join_token_tenant"),
    )
    version = op.create_table(
        "access_version",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(version, [{"id": 1, "version": 1}])
    op.create_table(
        "audit",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        *_texts("actor", "tenant", "action", "subject", "reason"),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_index("audit_by_at", "audit", ["at"])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String, nullable=False) for name in names]


def _carry(source: str, target: str, convert: Callable[[_Row], _Row]) -> None:
    """Copy every row of one table into another, a batch at a time."""
    bind = op.get_bind()
    old, new = (sa.Table(name, sa.MetaData(), autoload_with=bind) for name in (source, target))
    batch = sa.select(old).order_by(old.c.id).limit(_BATCH)
    wanted = batch
    while rows := bind.execute(wanted).mappings().all():
        bind.execute(sa.insert(new), [convert(dict(row)) for row in rows])
        wanted = batch.where(old.c.id > rows[-1]["id"])


def _new_device(row: _Row) -> _Row:
    moments = {name: _micros(row[name]) for name in ("enrolled_at", "expires_at", "revoked_at")}
    return row | moments | {"tenant": "default"}


def _old_device(row: _Row) -> _Row:
    moments = {name: _text(row[name]) for name in ("enrolled_at", "expires_at", "revoked_at")}
    return {name: value for name, value in (row | moments).items() if name != "tenant"}


def _new_usage(row: _Row) -> _Row:
    row = row | {
        "at": _micros(row["at"]),
        "tenant": "default",
        "caller_kind": "device",
        "caller": row["device"],
        "cost_micros": round(row["cost_usd"] * 1_000_000),
        "cache_hit": False,
    }
    return {name: value for name, value in row.items() if name not in {"device", "cost_usd"}}


def _old_usage(row: _Row) -> _Row:
    row = row | {
        "at": _text(row["at"]),
        "device": row["caller"],
        "cost_usd": row["cost_micros"] / 1_000_000,
    }
    lost = {"tenant", "caller_kind", "caller", "cost_micros", "cache_hit"}
    return {name: value for name, value in row.items() if name not in lost}


def _micros(text: str | None) -> int | None:
    return None if text is None else (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND


def _text(micros: int | None) -> str | None:
    return None if micros is None else (_EPOCH + micros * _MICROSECOND).isoformat()
