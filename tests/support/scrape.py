"""The metrics of one scrape."""

from prometheus_client.parser import text_string_to_metric_families

from tests.support.server import Server

Counts = dict[tuple[str, frozenset[tuple[str, str]]], float]  # by name and labels


class Scrape:
    """All samples of one scrape."""

    def __init__(self, server: Server) -> None:
        connection = server.connect()
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        self.text = response.read().decode()
        assert response.status == 200, self.text
        self.samples = [sample for family in text_string_to_metric_families(self.text) for sample in family.samples]

    def sum(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a name that have these labels, and perhaps more."""
        samples = [sample for sample in self.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def values(self, label: str) -> set[str]:
        return {sample.labels[label] for sample in self.samples if label in sample.labels}

    def counts(self) -> Counts:
        """Return all values that must never decrease, except the counts of scrapes."""
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for sample in self.samples
            if sample.name.endswith(("_total", "_count", "_bucket")) and "/metrics" not in sample.labels.values()
        }  # fmt: skip
