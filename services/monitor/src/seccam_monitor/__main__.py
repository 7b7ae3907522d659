"""`seccam-monitor`: wires the service."""

from __future__ import annotations

import sys

from seccam import service
from seccam.settings import BrokerSettings
from seccam_monitor.service import run
from seccam_monitor.settings import MonitorSettings


def main() -> int:
    """Run the monitor; its exit status."""
    return service.main("seccam-monitor", "Show the cameras as live video in a browser.", (BrokerSettings, MonitorSettings), run)


if __name__ == "__main__":
    sys.exit(main())
