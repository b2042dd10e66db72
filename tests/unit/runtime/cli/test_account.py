"""Whoever runs a command has a name for the record, in a container too."""

import os
import pwd

import pytest

from runtime.cli.account import account_name


def test_an_account_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)

    assert account_name() == pwd.getpwuid(0).pw_name


def test_an_account_without_a_name_is_called_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {entry.pw_uid for entry in pwd.getpwall()}
    nameless = next(uid for uid in range(60_000, 65_000) if uid not in known)
    monkeypatch.setattr(os, "getuid", lambda: nameless)

    assert account_name() == str(nameless)
