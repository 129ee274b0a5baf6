"""Agents: the operations of the contract as tools of the Model Context Protocol, and `/llms.txt`.

A tool sends the request that its operation is, with the caller's key, to the server like any
client: what callers may do is decided there and nowhere else. The library of the protocol is of
the extra `mcp`, and is imported only where it is used.
"""
