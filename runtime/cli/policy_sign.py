"""``leeward policy sign``: vouch for a policy as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.output import JsonOption, run_command, show
from runtime.clock import SystemClock
from runtime.errors import RequestInvalid
from runtime.identity.policy_signature import write_policy_signature
from runtime.identity.signing_keys import load_or_create_key, public_file_of
from runtime.policy.document import load_policy

__all__ = ["sign_policy"]


def sign_policy(
    file: Annotated[Path, typer.Argument(help="Policy document, YAML or JSON.")],
    *,
    key: Annotated[Path, typer.Option(help="Ed25519 key (PEM); made when it is not there.")],
    as_json: JsonOption = False,
) -> None:
    """Vouch for a policy as it is: write FILE.sig beside it, over any that is there."""

    def work() -> None:
        policy = load_policy(file)
        provenance = {"signed_at": SystemClock().now().isoformat(timespec="seconds")}
        try:
            signing, is_new = load_or_create_key(key)
            signature = write_policy_signature(policy, file, key=signing, provenance=provenance)
        except OSError as failure:
            reason = f"{failure.filename or key} cannot be read or written: {failure.strerror}"
            raise RequestInvalid(reason) from None
        made = [f"made a new signing key: {key}; its public half: {public_file_of(key)}"]
        data = {"signature": str(signature), "key_made": is_new}
        show(data, str(signature), *(made if is_new else ()), as_json=as_json)

    run_command(work, as_json=as_json)
