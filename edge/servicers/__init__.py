"""The edge's gRPC services: decode, delegate, encode."""
