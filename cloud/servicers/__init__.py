"""The gateway's gRPC services: decode, delegate, encode."""
