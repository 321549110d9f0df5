"""Who may ask the hub's API, and what was asked: tokens, roles, scopes, limits, the audit log."""
