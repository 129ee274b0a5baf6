"""Conformance: whether a client and a server, whoever wrote them, keep to the contract.

A proxy between the two sees their exchanges, or a recording (HAR) holds them. Requests and answers
are judged by the checkers that this server is made of; nothing of them is changed.
"""
