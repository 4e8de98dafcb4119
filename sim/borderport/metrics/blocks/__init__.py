"""All metrics, block by block: what each is called, its unit, its formula and how it is worked out stand together.

The order of the blocks is that of the table, within each group; keys, the list of metrics and the page in the
documentation follow from them. A new metric is a `Metric` in one of the blocks, and a function of the same name in
`borderport.metrics.plain`, to which the tests hold it.
"""

from borderport.metrics.blocks.block import Block, FlowFound, Measured, Metric, Rows, Setting, Walked
from borderport.metrics.blocks.costs_of_stay import COST_WORDS, COSTS_OF_STAY
from borderport.metrics.blocks.inspection_counts import INSPECTION_COUNTS
from borderport.metrics.blocks.resource_use import RESOURCE_USE
from borderport.metrics.blocks.span_times import SPAN_TIMES, check_parts
from borderport.metrics.blocks.vehicle_counts import VEHICLE_COUNTS

BLOCKS: tuple[Block, ...] = (VEHICLE_COUNTS, INSPECTION_COUNTS, *SPAN_TIMES, *COSTS_OF_STAY, RESOURCE_USE)
METRICS: dict[str, Metric] = {metric.name: metric for block in BLOCKS for metric in block.metrics}
OF_RESOURCES: tuple[str, ...] = tuple(metric.name for metric in RESOURCE_USE.metrics)


def unit_of(metric: str) -> str:
    """Unit of a metric, monthly ones included."""
    return METRICS[metric].unit if metric in METRICS else METRICS[metric.rpartition("_")[0]].unit


__all__ = [
    "BLOCKS",
    "COST_WORDS",
    "METRICS",
    "OF_RESOURCES",
    "Block",
    "FlowFound",
    "Measured",
    "Metric",
    "Rows",
    "Setting",
    "Walked",
    "check_parts",
    "unit_of",
]
