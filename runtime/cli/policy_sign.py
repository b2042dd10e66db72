"""``leeward policy sign``: vouch for a policy as it is."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.output import JsonOption, run_command, show
from runtime.cli.signing import KeyOption, sign_files
from runtime.identity.policy_signature import write_policy_signature
from runtime.policy.document import load_policy

__all__ = ["sign_policy"]


def sign_policy(
    file: Annotated[Path, typer.Argument(help="Policy document, YAML or JSON.")],
    *,
    key: KeyOption,
    as_json: JsonOption = False,
) -> None:
    """Vouch for a policy as it is: write FILE.sig beside it, over any that is there."""

    def work() -> None:
        policy = load_policy(file)
        signed = sign_files(key, [partial(write_policy_signature, policy, file)])
        (signature,) = signed.files
        data = {"signature": signature, "key_made": signed.key_made}
        show(data, *signed.lines, as_json=as_json)

    run_command(work, as_json=as_json)
