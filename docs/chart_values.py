"""Generates the table of values in the chart's README from values.yaml and its comments. Run by `make docs`.

With --check it writes nothing, and exits with 1 if the README is out of date.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent))

from reference import table  # on the path because of the line above

CHART = Path(__file__).parent.parent / "charts" / "seccam"
#: The component whose comments also describe the values that all components share.
COMMON = "camera"
#: Descriptions of keys that occur often, for places without a comment.
_OFTEN = {
    "enabled": "Enable it.",
    "annotations": "Annotations.",
    "labels": "Labels.",
    "namespace": "Namespace; empty: the release's.",
    "interval": "Scrape interval, at most 20s.",
    "type": "Type of the Service.",
    "minReplicas": "Minimum number of workers.",
    "maxReplicas": "Maximum number of workers.",
    "podDisruptionBudget": "Create a PodDisruptionBudget.",
}


class Values:
    """values.yaml and its comments."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._root = yaml.compose(text)
        self._common = set(yaml.safe_load(text)[COMMON])

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Yield path, default and description of each value."""
        yield from self._under(self._root, "")

    def cameras(self) -> str:
        """Return the section `cameras` as text."""
        start = self._lines.index("cameras:")
        end = next(n for n, line in enumerate(self._lines[start + 1 :], start + 1) if not line.startswith(" "))
        return "\n".join(self._lines[start:end])

    def _under(self, node: yaml.Node | None, path: str) -> Iterator[tuple[str, str, str]]:
        assert isinstance(node, yaml.MappingNode)
        for key, value in node.value:
            own = f"{path}.{key.value}" if path else key.value
            if isinstance(value, yaml.MappingNode) and not value.flow_style and (key.value not in self._common or not path):
                if self._comment(key):
                    yield own, "", self._comment(key)
                yield from self._under(value, own)
            elif key.value == "cameras":
                yield own, "one demo camera", self._comment(key)
            else:
                yield own, f"`{_default(value)}`", self._comment(key) or self._elsewhere(key.value, own)

    def _comment(self, key: yaml.Node) -> str:
        """Return the comment above a key, as one line."""
        said: list[str] = []
        for line in reversed(self._lines[: key.start_mark.line]):
            match = re.fullmatch(rf" {{{key.start_mark.column}}}# (.*)", line)
            if not match:
                break
            said.insert(0, match[1])
        return " ".join(said)

    def _elsewhere(self, key: str, path: str) -> str:
        if key in _OFTEN:
            return _OFTEN[key]
        if key in self._common and path != f"{COMMON}.{key}":
            return f"As `{COMMON}.{key}`."
        raise KeyError(f"{path}: has no comment")


def _default(node: yaml.Node) -> str:
    return json.dumps(yaml.safe_load(yaml.serialize(node)), ensure_ascii=False)


def readme() -> str:
    """Return the README with its generated parts up to date."""
    values = Values((CHART / "values.yaml").read_text())
    parts = {
        "cameras": f"```yaml\n{values.cameras()}\n```\n",
        "values": table(
            ("Value", "Default", "Description"), ((f"`{path}`", default, said) for path, default, said in values.rows())
        ),
    }
    text = (CHART / "README.md").read_text()
    for name, part in parts.items():
        before, separator, rest = text.partition(f"<!-- made: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        assert separator, f"README.md: the marker <!-- made: {name} --> is missing"
        assert end, f"README.md: {name} has no <!-- end -->"
        text = f"{before}{separator}{part}{end}{after}"
    return text


def main(arguments: Sequence[str]) -> int:
    """Update the README, or with --check report that it is out of date. Return the exit status."""
    path = CHART / "README.md"
    made = readme()
    if path.read_text() == made:
        return 0
    if "--check" in arguments:
        print("charts/seccam/README.md is out of date: run make docs")
        return 1
    path.write_text(made)
    print("charts/seccam/README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
