"""What reaches beyond the server: who is told of events, and who people are to an issuer."""
