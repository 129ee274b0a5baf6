"""Who may do what: keys, scopes, roles, rate limit, safe repetition."""
