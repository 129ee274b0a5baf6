"""A server for the Projects API, generated from its contract."""
