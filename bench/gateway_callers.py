"""Who may call a gateway of ``bench.gateway``: one device, one key, and the budget they share.

Put into the gateway's state as ``leeward cloud token``, ``key`` and ``budget`` would, without
starting those programs.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from bench.gateway_grpc_load import client_context
from cloud.admission.money import parse_usd
from cloud.admission.periods import Period
from cloud.admission.rules import Budget
from cloud.admission.scopes import Scope
from cloud.cli_state import operator
from cloud.config import load_config
from cloud.environment import opened_state
from cloud.stores.rules import RuleStore
from cloud.stores.tables import DEFAULT_TENANT
from leeward.v1 import enrolment_pb2_grpc
from runtime.clock import SystemClock
from runtime.codec.enrolment import EnrolCall, decode_credentials, encode_enrol_request
from runtime.identity.csr import create_csr
from runtime.identity.keys import create_device_keys, private_key_pem
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.tls import ClientTls

__all__ = ["BUDGET", "Callers", "enrolled", "prepare_callers"]

BUDGET: Final = "bench"
"""In which every call counts."""
_TOKEN_LIFETIME: Final = timedelta(hours=1)
_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Callers:
    """What opens a gateway to its callers."""

    key: str
    token: str
    """For a device that enrols, once."""
    authority_pem: bytes


async def prepare_callers(config: Path, *, cap_usd: str) -> Callers:
    """Make the budget and the key, and a token for the device, before the gateway starts."""
    budget = Budget(BUDGET, Scope(), Period.TOTAL, parse_usd(cap_usd, field="usd"), cap_tokens=None)
    act = operator()
    async with opened_state(load_config(config), clock=SystemClock()) as state:
        await RuleStore(state.database).set_budget(budget, act)
        key = await state.keys.create("bench", act, tenant=DEFAULT_TENANT)
        token = await state.tokens.create(act, lifetime=_TOKEN_LIFETIME, tenant=DEFAULT_TENANT)
        return Callers(key.text, token.text, state.authorities.bundle_pem)


async def enrolled(callers: Callers, enrolment: str) -> ssl.SSLContext:
    """Enrol a device as an edge does; return its side of mutual TLS."""
    keys = create_device_keys()
    tls = ClientTls(callers.authority_pem)
    async with open_channel(ChannelSettings(enrolment, tls)) as channel:
        stub = enrolment_pb2_grpc.EnrolmentStub(channel)
        message = encode_enrol_request(EnrolCall(callers.token, create_csr(keys.tls)))
        answer = decode_credentials((await stub.Enroll(message, timeout=_TIMEOUT_S)).credentials)
    return client_context(
        answer.ca_bundle_pem, answer.certificate_chain_pem, private_key_pem(keys.tls)
    )
