"""LLM providers behind the gateway: one client per base URL, one route per model alias."""
