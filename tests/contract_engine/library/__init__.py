"""A library that lends books: another application on the contract engine, with rules of its own."""
