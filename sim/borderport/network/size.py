"""Check that a scenario fits one run, before anything is drawn."""

from __future__ import annotations

from borderport.bounds import MOST_CHOICES, MOST_MOMENTS
from borderport.errors import TooLarge
from borderport.manifest import ManifestPlan
from borderport.network.flow_plan import NetworkPlan
from borderport.units import MS_PER_DAY

EVENT_BITS = 63  # of time and vehicle number together, see `borderport.engines.ordering`


def check_size(network: NetworkPlan, manifest: ManifestPlan) -> None:
    """Refuse what does not fit one replication.

    Parameters
    ----------
    network, manifest
        Of one scenario.

    Raises
    ------
    TooLarge
        More vehicles are expected than events can number, or than memory holds with all their moments; more closures
        and breakdowns than memory holds; or a route has more choices than one number has bits. The message says how
        many there are and how many would fit.
    """
    for plan in network.flows:
        if len(plan.choices) > MOST_CHOICES:
            raise TooLarge(
                f"{plan.name}: its route has {len(plan.choices)} steps that not every vehicle takes "
                f"(if, unless, share, or moved by a policy); at most {MOST_CHOICES} fit"
            )
    _check_vehicles(network, manifest)
    _check_changes(manifest)


def _check_vehicles(network: NetworkPlan, manifest: ManifestPlan) -> None:
    """Every vehicle has a number in the key of an event, and moments, work and signals."""
    expected = manifest.expected_vehicles()
    tasks = {plan.name: len(plan.work.keys) for plan in manifest.flows}
    vehicles = sum(expected.values())
    moments = sum(expected[p.name] * (len(p.columns) + tasks[p.name] + network.slots) for p in network.flows)
    numbers = (1 << (EVENT_BITS - manifest.horizon_ms.bit_length())) - 2
    if vehicles <= numbers and moments <= MOST_MOMENTS:
        return
    most = max(expected, key=lambda name: expected[name])
    fit = int(min(numbers, MOST_MOMENTS * (vehicles / moments)))
    days = manifest.horizon_ms // MS_PER_DAY
    raise TooLarge(
        f"{vehicles:,.0f} vehicles are expected, {expected[most]:,.0f} of them {most}; about {fit:,} fit one run "
        f"of these routes and {days:,} days: lower the volumes, or simulate a shorter time"
    )


def _check_changes(manifest: ManifestPlan) -> None:
    """Closures and breakdowns at random, each with a beginning and an end."""
    ports = manifest.scenario.ports.values()
    every = [closure.random.every for p in ports for closure in p.closures.values() if closure.random is not None]
    every += [r.breakdowns.every for p in ports for r in p.resources.values() if r.breakdowns is not None]
    changes = sum(2 * manifest.horizon_ms / gap for gap in every if gap is not None)
    if changes > MOST_MOMENTS:
        raise TooLarge(
            f"{changes / 2:,.0f} closures and breakdowns are expected; at most {MOST_MOMENTS // 2:,} fit one run: "
            "let them be less frequent, or simulate a shorter time"
        )
