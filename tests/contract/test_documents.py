"""The documents say what the code does."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from seccam import message, settings, topology
from seccam.frame_age import Age
from seccam_security.reports import Times

ROOT = Path(__file__).parents[2]
DOMAIN_WORDS = [
    "camera",
    "frame",
    "view frames",
    "security frames",
    "detection",
    "visit",
    "event",
    "notification",
    "mode",
    "snooze",
    "command",
    "status",
    "parked",
    "journal",
]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("charts/*/*.md")])


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return load(ROOT / "docs" / "reference.py")


def test_the_reference_is_what_the_code_says(reference: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(["--check"]) == 0, capsys.readouterr().out


def test_the_charts_readme_has_the_values_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert load(ROOT / "docs" / "chart_values.py").main(["--check"]) == 0, capsys.readouterr().out


def test_every_setting_and_every_flow_and_queue_is_in_the_reference(reference: ModuleType) -> None:
    made = reference.pages()

    for groups in reference.GROUPS.values():
        for group in groups:
            for name in settings.names(group):
                assert f"`{name}`" in made["settings.md"]
    for name in [*topology.queues(), *topology.permissions()]:
        assert f"`{name}`" in made["topics.md"]
    for flow in (topology.VIEW, topology.SECURITY, topology.STATUS, topology.FACES, topology.PRESENCE, topology.EVENTS):
        assert f"`{flow}.<camera>`" in made["wire-format.md"]


def test_every_setting_says_what_it_means(reference: ModuleType) -> None:
    for groups in reference.GROUPS.values():
        for group in groups:
            for name, field in group.model_fields.items():
                assert (field.description or "").endswith("."), f"{group.__name__}.{name} has no description"


def test_metrics_keep_to_the_rules_of_names(reference: ModuleType) -> None:
    """Prometheus' naming practices, and no label that a scrape adds itself."""
    for _, registry in reference.registries():
        for metric in registry.collect():
            if not metric.name.startswith("seccam_"):
                continue
            assert metric.documentation
            assert not metric.name.endswith("_total")
            for sample in metric.samples:
                taken = {"service", "pod", "job", "instance", "endpoint", "container", "component"}
                assert not taken & sample.labels.keys(), metric.name
            if metric.type == "histogram":
                assert metric.name.endswith("_seconds")


def examples() -> Iterator[tuple[str, Any]]:
    text = (ROOT / "docs" / "ref" / "wire-format.md").read_text()
    for found in re.finditer(r"<!-- made: ([a-z ]+) -->\n```json\n(.*?)```", text, re.DOTALL):
        yield found[1], json.loads(found[2])


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("event", "event-face"),
        ("present", "event-presence"),
        ("gone", "event-presence"),
        ("detection", "detection"),
        ("status", "status"),
    ],
)
def test_the_examples_keep_to_their_schemas(name: str, file: str) -> None:
    schema = json.loads((ROOT / "docs" / "ref" / f"{file}.schema.json").read_text())
    example = dict(examples())[name]

    jsonschema.validate(example, schema, format_checker=jsonschema.FormatChecker())
    assert message.SCHEMAS[file].decode(json.dumps(example).encode())


def test_the_example_of_an_event_has_the_times_that_a_worker_measures() -> None:
    times = Times(1.0, Age(0.0, estimated=False, untimed=False), 1.0)

    assert dict(examples())["event"]["data"]["ms"].keys() == times.milliseconds().keys()


def test_the_glossary_defines_each_domain_word_once() -> None:
    words = re.findall(r"^## (.+)$", (ROOT / "docs" / "ref" / "glossary.md").read_text(), re.MULTILINE)

    assert sorted(word.lower() for word in words) == sorted(DOMAIN_WORDS)


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_the_pages_that_a_stranger_reads_first_link_the_glossary(page: str) -> None:
    assert re.search(r"\]\((docs/)?ref/glossary\.md", (ROOT / page).read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_documents_lead_somewhere(page: Path) -> None:
    for target, _, anchor in re.findall(r"\]\(([^)#\s]*)(#([^)\s]+))?\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            linked = page.parent / target if target else page
            assert linked.exists(), target
            assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


# the changelog also names those that are gone
@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_and_metrics_that_a_page_names_exist(reference: ModuleType, page: Path) -> None:
    text = page.read_text()
    known = {
        name
        for groups in reference.GROUPS.values()
        for group in groups
        for name in (*settings.names(group), *settings.secret_files(group))
    }
    names = set(re.findall(r"\bSECCAM_[A-Z_]*[A-Z]\b(?!…|_)", text))
    assert names - known - settings.OTHER_NAMES <= {p.rstrip("_") for p in settings.PREFIXES}

    metrics = {m.name for _, registry in reference.registries() for m in registry.collect()} | {"seccam_ready"}
    named = set(re.findall(r"`(seccam_[a-z_]+_(?:total|seconds|bytes|hertz|info))`", text))
    assert {name.removesuffix("_total") for name in named} <= metrics
