from __future__ import annotations

import pytest

from tests.images import engine


@pytest.fixture(scope="session", autouse=True)
def _engine() -> None:
    engine.demand()


@pytest.fixture(params=engine.COMPONENTS, scope="session")
def component(request: pytest.FixtureRequest) -> str:
    """One of the four after the other."""
    named: str = request.param
    engine.config(engine.name(named))
    return named


@pytest.fixture(scope="session")
def image(component: str) -> str:
    """Its image."""
    return engine.name(component)
