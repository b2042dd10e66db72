"""Edge, gateway and an LLM server as subprocesses on loopback: what "local" means."""
