"""gRPC as the runtime uses it: statuses, channels, servers, peers, deadlines, clients."""
