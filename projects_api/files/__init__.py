"""Files: what they hold, told by digests; where bodies arrive; how they are named for others."""
