"""Fixtures for every test. No test sees the settings or the proxies of the person who runs it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import hypothesis
import pytest

from tests.brokers import RunningBroker, start_broker
from tests.integration.workers import Lens

# how long an example takes depends on the machine more than on the code
hypothesis.settings.register_profile("seccam", deadline=None)
hypothesis.settings.load_profile("seccam")


# a shell starts background jobs with SIGINT ignored, and the processes of the tests would inherit that
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Workers for `-n auto`: more than there are cores, as most of a test's time is spent waiting."""
    return min(5 * (os.cpu_count() or 1) // 2, 10)


# of the session, because fixtures of a wider scope start processes, too
@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name.startswith(("SECCAM_", "IFTTT_")) or name.lower() in ("http_proxy", "https_proxy", "all_proxy"):
                environment.delenv(name)
        yield


@pytest.fixture(scope="session")
def running_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """A private RabbitMQ node for the session; each worker of pytest-xdist has one."""
    broker = start_broker(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.stop()


@pytest.fixture
def broker(running_broker: RunningBroker) -> RunningBroker:
    """The private RabbitMQ node, with empty queues."""
    running_broker.ensure_running()
    running_broker.empty()
    return running_broker


@pytest.fixture
def lens(broker: RunningBroker) -> Iterator[Lens]:
    """A camera called front."""
    lens = Lens(broker)
    yield lens
    lens.close()
