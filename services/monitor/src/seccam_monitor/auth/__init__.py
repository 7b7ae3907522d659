"""Who may watch: users, passwords, sessions and the login."""
