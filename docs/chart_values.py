"""Makes the table of values in the chart's README from values.yaml and the comments in it. Run by `make docs`.

With --check nothing is written, and the exit status is 1 if anything would be.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent))

from reference import table  # found by the line above

CHART = Path(__file__).parent.parent / "charts" / "seccam"
#: What all components have is told here, and not again.
COMMON = "camera"
#: What these mean wherever no comment says so.
_OFTEN = {
    "enabled": "Whether it is there.",
    "annotations": "Its annotations.",
    "labels": "Its labels.",
    "namespace": "Its namespace; empty: the release's.",
    "interval": "Time between two scrapes.",
    "type": "Type of the Service.",
    "minReplicas": "Fewest workers.",
    "maxReplicas": "Most workers.",
    "podDisruptionBudget": "Whether a node may be emptied of one pod at a time only.",
}


class Values:
    """values.yaml and what its comments say."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._root = yaml.compose(text)
        self._common = set(yaml.safe_load(text)[COMMON])

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Path, default and meaning of each value."""
        yield from self._under(self._root, "")

    def cameras(self) -> str:
        """The example of a camera, as it stands there."""
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
        """The lines above that say what this is."""
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
        raise KeyError(f"{path}: no comment says what it is")


def _default(node: yaml.Node) -> str:
    return json.dumps(yaml.safe_load(yaml.serialize(node)), ensure_ascii=False)


def readme() -> str:
    """The README with its made parts made anew."""
    values = Values((CHART / "values.yaml").read_text())
    parts = {
        "cameras": f"```yaml\n{values.cameras()}\n```\n",
        "values": table(("Value", "Default", "Meaning"), ((f"`{path}`", default, said) for path, default, said in values.rows())),
    }
    text = (CHART / "README.md").read_text()
    for name, part in parts.items():
        before, separator, rest = text.partition(f"<!-- made: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        assert separator, f"README.md has no place for {name}"
        assert end, f"README.md: {name} has no end"
        text = f"{before}{separator}{part}{end}{after}"
    return text


def main(arguments: Sequence[str]) -> int:
    """Write what differs, or with --check only say that it does."""
    path = CHART / "README.md"
    made = readme()
    if path.read_text() == made:
        return 0
    if "--check" in arguments:
        print("charts/seccam/README.md is not what values.yaml says: run make docs")
        return 1
    path.write_text(made)
    print("charts/seccam/README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
