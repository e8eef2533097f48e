"""Metrics in the text format of Prometheus."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from notilog.metrics.counted import Counter, Histogram, Metric, Sample
from notilog.metrics.gauges import Reading


def exposed(
    metrics: Sequence[Metric],
    samples: Mapping[Sample, float],
    readings: Iterable[Reading],
    *,
    accept: str,
) -> tuple[bytes, str]:
    """The metrics as text, and its content type, as the scraper's Accept header asks."""
    families = [*(_family(metric, samples) for metric in metrics), *map(_gauge, readings)]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ready(families))
    if "application/openmetrics-text" in accept:
        return openmetrics.generate_latest(registry), openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Ready(Collector):
    """What was collected already."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        yield from self._families


def _family(metric: Metric, samples: Mapping[Sample, float]) -> Family:
    if isinstance(metric, Counter):
        return _counter(metric, samples)
    return _histogram(metric, samples)


def _counter(metric: Counter, samples: Mapping[Sample, float]) -> Family:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for values, value in _of(metric.name, samples):
        family.add_metric(values, value)
    return family


def _histogram(metric: Histogram, samples: Mapping[Sample, float]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    counts: dict[tuple[str, ...], dict[str, float]] = {}
    for (*values, bound), count in _of(f"{metric.name}_bucket", samples):
        counts.setdefault(tuple(values), {})[bound] = count
    sums = {tuple(values): value for values, value in _of(f"{metric.name}_sum", samples)}
    for labels, by_bound in sorted(counts.items()):
        family.add_metric(
            labels, buckets=_cumulative(metric, by_bound), sum_value=sums.get(labels, 0.0)
        )
    return family


def _gauge(reading: Reading) -> Family:
    gauge = reading.gauge
    family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
    for values, value in reading.values.items():
        family.add_metric(values, value)
    return family


def _cumulative(metric: Histogram, by_bound: Mapping[str, float]) -> list[tuple[str, float]]:
    """Counted up to each bound; what was stored under bounds of other days counts as well."""
    return [
        (bound, sum(n for stored, n in by_bound.items() if float(stored) <= float(bound)))
        for bound in metric.bounds
    ]


def _of(name: str, samples: Mapping[Sample, float]) -> Iterator[tuple[list[str], float]]:
    """The samples of this name, with the values of their labels."""
    for (sample, labels), value in sorted(samples.items()):
        if sample == name:
            yield json.loads(labels), value
