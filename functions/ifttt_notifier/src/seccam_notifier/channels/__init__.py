"""Ways to reach a person, or a program, one module each."""

from __future__ import annotations

from seccam_notifier.channels.base import Answer, Channel, Result
from seccam_notifier.channels.choice import chosen

__all__ = ["Answer", "Channel", "Result", "chosen"]
