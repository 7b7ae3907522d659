"""What comes in from the broker, and what is known from it."""
