"""Who may do what: principals, their scopes, and API keys."""
