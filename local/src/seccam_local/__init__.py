"""Runs all of seccam on one machine."""
