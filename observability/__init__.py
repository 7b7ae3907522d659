"""Where the dashboards come from."""
