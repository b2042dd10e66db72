"""The systemd units keep their hardening; `systemd-analyze` figures are in deploy/README.md."""

from collections import defaultdict
from pathlib import Path

import pytest

from cloud.config import load_config
from runtime.cli.exit_codes import CODES, NOT_INSTALLED, USAGE
from runtime.errors import (
    CatalogInvalid,
    ConfigInvalid,
    DocumentInvalid,
    GraphInvalid,
    LedgerCorrupt,
    ModelInvalid,
    PolicyInvalid,
    VaultLocked,
)

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
ROLES = ("edge", "cloud")
HARDENING = {
    "AmbientCapabilities": "",
    "CapabilityBoundingSet": "",
    "DevicePolicy": "closed",
    "LimitCORE": "0",
    "LockPersonality": "yes",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateMounts": "yes",
    "PrivateTmp": "yes",
    "PrivateUsers": "yes",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHome": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "RemoveIPC": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "StateDirectoryMode": "0700",
    "SystemCallArchitectures": "native",
    "SystemCallErrorNumber": "EPERM",
    "UMask": "0077",
}
HOPELESS = {
    USAGE,
    NOT_INSTALLED,
    *(
        CODES[error]
        for error in (
            DocumentInvalid,
            GraphInvalid,
            PolicyInvalid,
            CatalogInvalid,
            ConfigInvalid,
            LedgerCorrupt,
            VaultLocked,
        )
    ),
}


def read_unit(role: str) -> dict[str, list[str]]:
    """Return every value of every key, in order; an empty value resets nothing here."""
    values: dict[str, list[str]] = defaultdict(list)
    for line in (SYSTEMD / f"leeward-{role}.service").read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            values[key].append(value)
    return values


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("key", sorted(HARDENING))
def test_a_hardening_key_is_set_once_and_to_its_value(role: str, key: str) -> None:
    assert read_unit(role)[key] == [HARDENING[key]]


@pytest.mark.parametrize("role", ROLES)
def test_system_calls_are_an_allow_list_without_the_privileged_ones(role: str) -> None:
    first, second, *more = read_unit(role)["SystemCallFilter"]

    assert first == "@system-service"
    assert second == "~@privileged @resources"
    assert {word for line in more for word in line.split()} <= {
        "sched_setaffinity",
        "sched_setscheduler",
        "setpriority",
    }


def test_only_the_gateway_can_do_without_what_the_edge_needs() -> None:
    """The edge's ctypes callbacks, and the kernel's word on which boot this is."""
    edge, cloud = read_unit("edge"), read_unit("cloud")

    assert cloud["MemoryDenyWriteExecute"] == ["yes"]
    assert cloud["ProcSubset"] == ["pid"]
    assert not {"MemoryDenyWriteExecute", "ProcSubset"} & edge.keys()


@pytest.mark.parametrize("role", ROLES)
def test_the_user_is_a_fixed_one_that_sysusers_makes(role: str) -> None:
    made = (SYSTEMD / "leeward.sysusers.conf").read_text()

    assert read_unit(role)["User"] == read_unit(role)["Group"] == [f"leeward-{role}"]
    assert f"u leeward-{role} - " in made


@pytest.mark.parametrize("role", ROLES)
def test_failures_that_a_restart_cannot_heal_are_not_restarted(role: str) -> None:
    unit = read_unit(role)
    expected = HOPELESS | ({CODES[ModelInvalid]} if role == "edge" else set())

    assert unit["Restart"] == ["always"]
    assert {int(code) for code in unit["RestartPreventExitStatus"][0].split()} == expected
    assert "ExecStartPre" not in unit  # its exit code would not count


def test_an_engine_that_is_killed_for_memory_takes_no_daemon_with_it() -> None:
    assert read_unit("edge")["OOMPolicy"] == ["continue"]


@pytest.mark.parametrize("role", ROLES)
def test_a_daemon_that_hangs_is_restarted(role: str) -> None:
    unit = read_unit(role)

    assert unit["Type"] == ["notify"]
    assert unit["NotifyAccess"] == ["main"]
    assert unit["WatchdogSec"] == ["60"]


def test_the_units_differ_only_where_they_must() -> None:
    edge, cloud = read_unit("edge"), read_unit("cloud")

    assert {key for key in edge.keys() | cloud.keys() if edge[key] != cloud[key]} == {
        "Description",
        "EnvironmentFile",
        "ExecReload",
        "ExecStart",
        "Group",
        "MemoryDenyWriteExecute",
        "OOMPolicy",
        "ProcSubset",
        "RestartPreventExitStatus",
        "StateDirectory",
        "SystemCallFilter",
        "TimeoutStopSec",
        "User",
    }


def test_a_gateway_has_time_to_drain_before_it_is_killed() -> None:
    config = load_config(SYSTEMD.parent / "examples" / "cloud.yaml")
    (allowed_s,) = read_unit("cloud")["TimeoutStopSec"]

    assert int(allowed_s) > config.drain_notice_s + config.drain_s
