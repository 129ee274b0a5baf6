"""Artifacts: where they are kept, and the rows that say what is there."""
