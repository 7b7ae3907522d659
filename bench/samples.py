"""The counters of several processes, added up."""

from __future__ import annotations

import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

_Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Samples:
    """Values by name and labels."""

    values: Mapping[tuple[str, _Labels], float]

    @classmethod
    def of(cls, *urls: str) -> Samples:
        """Those that these URLs answer with."""
        values: defaultdict[tuple[str, _Labels], float] = defaultdict(float)
        for url in urls:
            with urllib.request.urlopen(url, timeout=20) as answer:
                for family in text_string_to_metric_families(answer.read().decode()):
                    for sample in family.samples:
                        values[sample.name, frozenset(sample.labels.items())] += sample.value
        return cls(values)

    def since(self, before: Samples) -> Samples:
        """What was added since then."""
        return Samples({key: value - before.values.get(key, 0.0) for key, value in self.values.items()})

    def total(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name with these labels."""
        wanted = set(labels.items())
        return sum(value for (found, having), value in self.values.items() if found == name and wanted <= having)
