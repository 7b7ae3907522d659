"""What the seccam services share: wire format, topology, broker, settings, probes, logs."""

from seccam.version import __version__

__all__ = ["__version__"]
