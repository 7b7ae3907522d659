"""Hostile bytes for every parser that reads what others send."""
