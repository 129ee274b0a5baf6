"""The server for tests: on data of its own, which end with it."""
