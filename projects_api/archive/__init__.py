"""Projects as archives: written, read, exported and imported."""
