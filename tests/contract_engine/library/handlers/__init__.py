"""What each operation of the library does."""
