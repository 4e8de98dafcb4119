"""Queues for resources and how they are used; one row for each resource."""

from __future__ import annotations

import numpy as np

from borderport.distributions import Array
from borderport.metrics.blocks.block import Block, Measured, Metric, Rows, Setting
from borderport.metrics.gathering import ratios
from borderport.metrics.names import ALL
from borderport.metrics.tally.terms import WAITED_MS, WAITS


def _every_resource(setting: Setting) -> Rows:
    """One row for each resource, after those of all groups."""
    keys = [(resource.port, ALL, resource.name) for resource in setting.network.resources]
    return Rows(tuple(keys), np.full(len(keys), len(setting.groups), dtype=np.int64))


def _mean_queue(m: Measured) -> Array:
    network = m.walked.timeline.network
    waited = m.walked.queues.waits[:, :, WAITED_MS].sum(axis=0)
    return np.asarray(waited / (network.horizon_ms - network.lead_in_ms))


def _tail_back(m: Measured) -> Array:
    """Metres by which the longest queue reaches beyond its holding area, at the mean length of those who waited."""
    waits, facts = m.walked.queues.waits[:, :, WAITS], m.walked.resources
    number, lengths = waits.sum(axis=0), (waits * facts.lengths_m[:, None]).sum(axis=0)
    mean_length = np.divide(lengths, number, out=np.zeros(number.size), where=number > 0)
    return np.where(number > 0, np.maximum(m.walked.timeline.queue_max * mean_length - facts.room_m, 0.0), 0.0)


def _utilisation(m: Measured) -> Array:
    """NaN of a quota, which is used up and not given back."""
    return np.where(m.walked.resources.released, ratios(m.walked.timeline.busy_ms, m.walked.open_ms), np.nan)


RESOURCE_USE = Block(
    _every_resource,
    (
        Metric(
            "queue_mean",
            "vehicles",
            "sum of waits for the resource within the reported period / its length",
            _mean_queue,
        ),
        Metric(
            "queue_max",
            "vehicles",
            "greatest number waiting for the resource at once",
            lambda m: m.walked.timeline.queue_max,
        ),
        Metric(
            "tail_back_max",
            "m",
            "queue_max x mean vehicle length - holding area, at least 0",
            _tail_back,
        ),
        Metric(
            "utilisation",
            "1",
            "time units are held / time units are open; may pass 1, as begun service is finished",
            _utilisation,
        ),
    ),
)
