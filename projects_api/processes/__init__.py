"""Child processes: pools of them, their limits, their confinement."""
