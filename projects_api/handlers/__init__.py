"""What each operation does: one module per tag of the contract."""
