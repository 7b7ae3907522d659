"""seccam's version. Packages and images read it here; Chart.yaml and compose.yaml repeat it, and a contract test compares them."""

__version__ = "0.2.0"
