"""Pages that anybody may read: the console, the documentation, and the contract."""
