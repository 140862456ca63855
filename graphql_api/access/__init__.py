"""Access: principals and their scopes, API keys, JSON Web Tokens, and trusted documents."""
