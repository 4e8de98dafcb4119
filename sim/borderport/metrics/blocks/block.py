"""Metrics, blocks of metrics, and the material that both are given to work with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from borderport.calendars import Times
from borderport.distributions import Array
from borderport.manifest import FlowManifest, Mask
from borderport.metrics.gathering import Gathering, Numbers
from borderport.metrics.groups import Group
from borderport.metrics.names import ALL
from borderport.metrics.rates import CostRates
from borderport.metrics.resource_facts import ResourceFacts
from borderport.metrics.tally import Columns, FlowTally, QueueCounts, Tally, VehicleCounts
from borderport.network import NetworkPlan
from borderport.scenario import Scenario
from borderport.timeline import Timeline


@dataclass(frozen=True)
class Setting:
    """The setting that the rows of the table follow from: the scenario, its columns and who is reported together."""

    scenario: Scenario
    network: NetworkPlan
    columns: Columns
    groups: tuple[Group, ...]
    months: tuple[str, ...]


@dataclass(frozen=True)
class FlowFound:
    """One flow: what was drawn of its vehicles and what the walk found; arrays of shape (..., vehicles).

    Attributes
    ----------
    start_ms : int
        Begin of the reported period, since time 0; vehicles that came before are not counted.
    drawn : FlowManifest
    walked : FlowTally
    """

    start_ms: int
    drawn: FlowManifest
    walked: FlowTally


@dataclass(frozen=True)
class Walked:
    """Sums of the passes over one replication: by flow, by column, by resource.

    Attributes
    ----------
    timeline : Timeline
    flows : tuple of FlowFound or None
        The vehicles themselves, for sums that the passes do not have; None for companions, which do not count.
    counts : VehicleCounts
        By flow.
    tally : Tally
        By flow and by column.
    queues : QueueCounts
    open_ms : int64 array, shape (resources,)
        Unit-milliseconds that were open in the reported period.
    quantiles : float64 array, shape (2, groups, 4)
        `QUANTILES` of the time in each span, in minutes.
    rates : CostRates
    resources : ResourceFacts
    """

    timeline: Timeline
    flows: tuple[FlowFound | None, ...]
    counts: VehicleCounts
    tally: Tally
    queues: QueueCounts
    open_ms: Times
    quantiles: Array
    rates: CostRates
    resources: ResourceFacts

    @cached_property
    def spent(self) -> Times:
        """`Tally.spent`: by column and part, over all counted vehicles."""
        return self.tally.spent()

    @cached_property
    def parts(self) -> Times:
        """`Tally.parts`: by span, column and part, over the vehicles that completed the span."""
        return self.tally.parts()


@dataclass(frozen=True)
class Rows:
    """The rows of a block.

    Attributes
    ----------
    keys : tuple of (port, flow, station)
    groups : int64 array, shape (rows,)
        Owner of the row: the number of a group, or, for a resource, the number of groups; in the order of the table.
    columns : Gathering or None
        The columns whose sums each row's are, if the block asks for any.
    """

    keys: tuple[tuple[str, str, str], ...]
    groups: Times
    columns: Gathering | None = None

    @cached_property
    def is_total(self) -> Mask:
        """True for rows of the grand total; bool array, shape (rows,)."""
        return np.asarray([key[:2] == (ALL, ALL) for key in self.keys], dtype=bool)


@dataclass(frozen=True)
class Measured:
    """One replication as the metrics of one block see it."""

    walked: Walked
    members: Gathering
    rows: Rows

    def of_flows(self, by_flow: Numbers) -> Numbers:
        """Sums over the flows of each row's group, from values by flow; shape (rows, ...)."""
        return self.members.sums(by_flow)[self.rows.groups]

    def of_columns(self, by_column: Numbers) -> Numbers:
        """Sums over the columns of each row's stations, from values by column; shape (rows, ...)."""
        assert self.rows.columns is not None
        return self.rows.columns.sums(by_column)


@dataclass(frozen=True)
class Metric:
    """One definition: what it is called, in what unit, by which formula, and how it is worked out.

    ``of`` gives the values in the rows of its block, shape (rows,), NaN where there is none.
    """

    name: str
    unit: str
    formula: str
    of: Callable[[Measured], Numbers]


@dataclass(frozen=True)
class Block:
    """Metrics that stand in the same rows of the table, and what these are in a scenario.

    Attributes
    ----------
    rows : callable
    metrics : tuple of Metric
    by_month : callable or None
        More of them, from the names of the months; the formula of one in ``metrics`` speaks for them.
    """

    rows: Callable[[Setting], Rows]
    metrics: tuple[Metric, ...]
    by_month: Callable[[tuple[str, ...]], tuple[Metric, ...]] | None = None

    def all_metrics(self, setting: Setting) -> tuple[Metric, ...]:
        """Rows of the block in one scenario."""
        return self.metrics if self.by_month is None else (*self.metrics, *self.by_month(setting.months))


def added(name: str, unit: str, formula: str, by_flow: Callable[[Walked], Numbers], per: int = 1) -> Metric:
    """A metric that adds up: from ``by_flow``, its values by flow, shape (flows,), to the flows of each group.

    Whole milliseconds are added up before they are divided, by ``per``, so that parts add up exactly.
    """
    if per == 1:
        return Metric(name, unit, formula, lambda m: m.of_flows(by_flow(m.walked)))
    return Metric(name, unit, formula, lambda m: m.of_flows(by_flow(m.walked)) / per)


def over_vehicles(name: str, unit: str, formula: str, of_flow: Callable[[FlowFound], float]) -> Metric:
    """A metric that adds up over vehicles: ``of_flow`` adds up one flow's, in whole arrays.

    If that costs too much time, the pass over vehicles may count it: see `VehicleCounts`.
    """

    def by_flow(walked: Walked) -> Numbers:
        return np.asarray([0 if found is None else of_flow(found) for found in walked.flows])

    return added(name, unit, formula, by_flow)


def rows_of(setting: Setting, wanted: Callable[[Group], bool]) -> Rows:
    """One row for each group that is wanted."""
    numbers = [number for number, group in enumerate(setting.groups) if wanted(group)]
    keys = tuple((setting.groups[number].port, setting.groups[number].flow, ALL) for number in numbers)
    return Rows(keys, np.asarray(numbers, dtype=np.int64))


def every_group(setting: Setting) -> Rows:
    """One row for each group."""
    return rows_of(setting, lambda group: True)


def rows_by_station(
    setting: Setting, wanted: Callable[[Group], bool], stations: Callable[[Group], Iterable[str]]
) -> Rows:
    """Rows of each group that is wanted: one for all its columns together, then one for each of these stations."""
    places = places_by_station(setting)
    keys, groups, columns = [], [], []
    for number, group in enumerate(setting.groups):
        for station in (ALL, *stations(group)) if wanted(group) else ():
            keys.append((group.port, group.flow, station))
            groups.append(number)
            columns.append([place for member in group.members for place in places.get((member, station), ())])
    return Rows(tuple(keys), np.asarray(groups, dtype=np.int64), Gathering.of(columns))


def places_by_station(setting: Setting) -> dict[tuple[str, str], list[int]]:
    """Places of the columns of each flow and station; under ``all`` every column of the flow."""
    places: dict[tuple[str, str], list[int]] = {}
    for number, flow in enumerate(setting.network.flows):
        here = setting.columns.of(number)
        places[flow.name, ALL] = list(range(here.start, here.stop))
        for place, column in zip(range(here.start, here.stop), flow.columns, strict=False):
            places.setdefault((flow.name, column.station), []).append(place)
    return places
