"""seccam on one machine."""
