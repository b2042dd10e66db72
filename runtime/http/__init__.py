"""What an OpenAI-compatible HTTP front is made of, on the edge and on the gateway alike.

Shapes of requests and answers, statuses of failures, the server in the role's own event loop.
Knows no role: what answers a request is the front's business.
"""
