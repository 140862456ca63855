"""Who may do what: principals, their scopes, API keys, and trusted documents."""
