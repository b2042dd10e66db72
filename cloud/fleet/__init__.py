"""The gateway's side of a fleet: certificates that are renewed, heads that are countersigned."""
