"""What every request shares: assembly, contract enforcement, access, database, problems."""
