"""What a scrape says, by names and labels."""

from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from tests.http.calling import Deployment

Labels = frozenset[tuple[str, str]]
Counter = tuple[str, Labels]


class Scrape:
    """One answer of `/metrics`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples: dict[str, dict[Labels, float]] = {}
        for family in self.families.values():
            for sample in family.samples:
                self.samples.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value

    def __call__(self, metric: str, /, **labels: str) -> float:
        """The sum of the samples of that name that have these labels, whatever others."""
        wanted = set(labels.items())
        return sum(value for of, value in self.samples.get(metric, {}).items() if wanted <= of)

    def counters(self) -> Iterator[tuple[Counter, float]]:
        """All that must never become less."""
        for family in self.families.values():
            for sample in family.samples:
                if family.type in ("counter", "histogram", "summary") and not sample.name.startswith("rq_workers"):
                    yield (sample.name, frozenset(sample.labels.items())), sample.value


def scraped(deployment: Deployment, **headers: str) -> Scrape:
    answer = deployment.get("/metrics", **headers)
    assert answer.status_code == 200, answer.text
    return Scrape(answer.text)
