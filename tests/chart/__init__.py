"""The chart as Helm renders it, and as an API server takes it."""
