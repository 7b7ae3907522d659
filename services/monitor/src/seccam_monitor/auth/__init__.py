"""Users, passwords, sessions and the login."""
