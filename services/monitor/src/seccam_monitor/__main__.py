"""`seccam-monitor`: the service's entry point."""

from __future__ import annotations

import sys

from seccam import service
from seccam.settings import BrokerSettings, VisitSettings
from seccam_monitor.service import run
from seccam_monitor.settings import MonitorSettings


def main() -> int:
    """Run the monitor; returns its exit status."""
    groups = (BrokerSettings, VisitSettings, MonitorSettings)
    return service.main("seccam-monitor", "Show the cameras as live video in a browser.", groups, run)


if __name__ == "__main__":
    sys.exit(main())
