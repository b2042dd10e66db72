"""The life of a request on a node, from its text to its events: label, graph, plan, run.

The same on an edge and on the gateway; what a node may do follows from the policy and the catalog
that it is given.
"""
