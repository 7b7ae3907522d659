"""The one place that says which version this is; every package and image takes it from here."""

__version__ = "0.2.0"
