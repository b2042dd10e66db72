"""The cloud gateway: large models over gRPC through any OpenAI-compatible upstream."""
