"""``leeward edge``: serve the daemon, enrol it, look at it.

Only the command that is run is imported: most need a small part of the daemon.
"""

from runtime.cli.lazy import lazy_app

__all__ = ["app"]

app = lazy_app(
    {
        "pull": "edge.cli_models:pull",
        "top": "edge.cli_top:top",
        "feedback": "edge.cli_routing:feedback",
        "routing": "edge.cli_routing:routing",
        "rollback": "edge.cli_rollback:rollback",
        "doctor": "edge.cli_doctor:doctor",
        "serve": "edge.cli_serve:serve_command",
        "check": "edge.cli_serve:check",
        "enroll": "edge.cli_identity:enroll",
        "identity": "edge.cli_identity:identity",
        "status": "edge.cli_status:status",
        "models": "edge.cli_models:models_app",
        "adapters": "edge.cli_adapters:adapters_app",
        "approvals": "edge.cli_approvals:approvals_app",
        "capture": "edge.cli_capture:capture_app",
        "outbox": "edge.cli_outbox:outbox_app",
    },
    name="edge",
    help="The edge daemon: small models, privacy, the way out.",
    needs="huggingface_hub",
)
