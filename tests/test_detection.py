"""Selection and finds: against closed forms, published tables and sums done by hand."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from borderport.detection import bad_items, chance_to_find, class_rates, sample_size, targeted
from borderport.experiment import EngineName
from borderport.manifest import draw_manifest, plan_manifest
from borderport.scenario import Scenario
from tests.builders import at_minutes, port, run

LOTS = 20_000
BORDER = """
resources: {{bay: {{capacity: 500}}}}
stations: {{check: {{needs: [bay], service: 30 min, inspection: true, officers: 2}}}}
routes: {{out: {{steps: [check: {{if: selected}}]}}}}
flows:
  trucks:
    route: out
    arrivals: fixed
    volume: {volume} trucks per d
    marks: {{selected: {selected}}}
    inspection: cargo
"""
RULES = "inspections: {{cargo: {}}}\n"


def border(inspection: str, *, selected: str = "15 %", volume: int = LOTS) -> Scenario:
    """One day at a border whose ``volume`` trucks are checked as ``inspection`` says."""
    text = BORDER.format(selected=selected, volume=volume)
    return port(text, end="2024-01-02", top=RULES.format(inspection))


def marks_of(scenario: Scenario, replication: int = 0) -> dict[str, np.ndarray]:
    return draw_manifest(plan_manifest(scenario), 1, replication).flows["east.trucks"].marks


def within(count: int, n: int, p: float) -> bool:
    """A binomial count within four standard errors of its mean."""
    return abs(count - n * p) <= 4 * (n * p * (1 - p)) ** 0.5 + 1e-9


# --- formulas ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lot", "sample"), [(50, 22), (100, 25), (200, 27), (1000, 29)])
def test_the_smallest_sample_that_finds_ten_per_cent_with_95_per_cent_confidence(lot: int, sample: int) -> None:
    """Textbook sizes of hypergeometric sampling at borders; one item fewer is not enough."""
    assert sample_size(np.array([lot]), 0.10, 0.95)[0] == sample
    bad = lot // 10
    assert 1 - comb(lot - bad, sample) / comb(lot, sample) >= 0.95
    assert 1 - comb(lot - bad, sample - 1) / comb(lot, sample - 1) < 0.95


def test_sample_sizes_are_exact_also_where_the_chance_equals_the_confidence() -> None:
    """Against whole numbers, in per mille: of 100 items one is bad, and 95 found it with 95 %, not with 94.99 %."""
    assert sample_size(np.array([100]), 0.01, 0.95).tolist() == [95]
    lots, wrong, ties = list(range(1, 131)), [], 0
    levels, confidences = (5, 10, 20, 25, 50, 100, 125, 200, 300, 500, 1000), (500, 750, 800, 900, 950, 990, 999, 1000)
    for level in levels:
        found = {c: sample_size(np.array(lots), level / 1000, c / 1000).tolist() for c in confidences}
        for place, lot in enumerate(lots):
            bad = max(-(-lot * level // 1000), 1)
            ways = [(comb(lot - bad, k) * 1000, comb(lot, k)) for k in range(lot + 1)]  # to miss all, and in all
            for c in confidences:
                least = next(k for k, (missed, every) in enumerate(ways) if missed <= (1000 - c) * every)
                ties += ways[least][0] == (1000 - c) * ways[least][1] > 0
                if found[c][place] != least:
                    wrong.append((lot, level, c, found[c][place], least))
    assert ties > 50
    assert not wrong


@pytest.mark.parametrize(
    ("lot", "bad", "sample"), [(100, 5, 10), (100, 5, 0), (10, 4, 7), (7, 7, 1), (1, 1, 1), (9, 0, 9)]
)
def test_the_chance_to_find_is_hypergeometric(lot: int, bad: int, sample: int) -> None:
    exact = 1 - comb(lot - bad, sample) / comb(lot, sample)
    chance = chance_to_find(np.array([lot]), np.array([bad]), np.array([sample]))[0]
    assert chance == pytest.approx(exact, abs=1e-12)
    if (lot, bad, sample) == (100, 5, 10):
        assert round(float(chance), 6) == 0.416248


def test_bad_items_are_the_binomial_quantile() -> None:
    """Of 5 items, each bad with 30 %: P(0) = 0.168, P(at most 1) = 0.528, P(at most 2) = 0.837."""
    from scipy.special import ndtri

    luck = ndtri(np.array([0.16, 0.18, 0.52, 0.54, 0.83, 0.85, 1 - 1e-9]))
    n = luck.size
    assert bad_items(np.full(n, 5), np.full(n, 0.3), luck).tolist() == [0, 1, 1, 2, 2, 3, 5]
    assert bad_items(np.full(n, 5), np.zeros(n), luck).tolist() == [0] * n
    assert bad_items(np.full(n, 5), np.ones(n), luck).tolist() == [5] * n


def test_risky_classes_are_selected_more_and_the_total_stays() -> None:
    """90 % of the firms of risk 1, 10 % of risk 5: 14 % overall is x (0.9 + 0.5), so x = 10 % and 50 %."""
    rates = class_rates(0.14, np.array([0.9, 0.1]), np.array([1.0, 5.0]))
    assert rates.tolist() == pytest.approx([0.10, 0.50])
    # 28 % is 20 % and 100 %; beyond that the risky ones are all selected, and the others take the rest.
    assert class_rates(0.37, np.array([0.9, 0.1]), np.array([1.0, 5.0])).tolist() == pytest.approx([0.30, 1.0])
    assert class_rates(1.0, np.array([0.9, 0.1]), np.array([1.0, 5.0])).tolist() == [1.0, 1.0]
    assert class_rates(0.0, np.array([0.9, 0.1]), np.array([1.0, 5.0])).tolist() == [0.0, 0.0]
    # A class without risk is selected only when all others are.
    assert class_rates(0.95, np.array([0.9, 0.1]), np.array([1.0, 0.0])).tolist() == pytest.approx([1.0, 0.5])


def test_targeting_moves_selection_to_carriers_and_keeps_the_total() -> None:
    """With quality Phi(1 / sqrt 2), scores are one standard deviation apart: both rates are known."""
    from scipy.special import ndtr

    quality, threshold, prevalence = float(ndtr(1 / 2**0.5)), 1.2, 0.05
    clean, carrying = float(ndtr(-threshold)), float(ndtr(1 - threshold))
    rate = (1 - prevalence) * clean + prevalence * carrying
    assert targeted(rate, prevalence, quality) == pytest.approx((clean, carrying), abs=1e-9)
    assert targeted(0.2, 0.1, 0.5) == (0.2, 0.2)
    assert targeted(0.2, 0.1, 1.0) == pytest.approx((1 / 9, 1.0))
    assert targeted(0.05, 0.1, 1.0) == pytest.approx((0.0, 0.5))
    for edge in (0.0, 1.0):
        assert targeted(edge, 0.1, 0.8) == (edge, edge)


# --- as a scenario says it ---------------------------------------------------------------------------------


def test_blind_selection_finds_the_share_that_is_selected() -> None:
    """20,000 trucks, 5 % carry, 15 % selected, all opened and searched: 150 finds expected."""
    marks = marks_of(border("{contraband: {share: 5 %}}"))
    assert within(int(marks["contraband"].sum()), LOTS, 0.05)
    assert (marks["opened"] == marks["selected"]).all()
    assert (marks["found"] == (marks["selected"] & marks["contraband"])).all()
    assert within(int(marks["found"].sum()), LOTS, 0.15 * 0.05)


def test_a_scan_misses_some_and_raises_false_alarms() -> None:
    marks = marks_of(
        border("{contraband: {share: 20 %}, scan: {sensitivity: 80 %, false_alarms: 10 %}}", selected="50 %")
    )
    carries = marks["selected"] & marks["contraband"]
    clean = marks["selected"] & ~marks["contraband"]
    assert within(int((marks["opened"] & carries).sum()), int(carries.sum()), 0.8)
    assert within(int((marks["opened"] & clean).sum()), int(clean.sum()), 0.1)
    assert not (marks["opened"] & ~marks["selected"]).any()


def test_a_sample_finds_as_often_as_the_hypergeometric_law_says() -> None:
    """Loads of 100 items with 5 bad ones, 10 looked at: 41.6248 %."""
    marks = marks_of(
        border(
            "{contraband: {share: 100 %, items: 100 boxes, bad_items: 5 boxes}, sample: {items: 10}}", selected="100 %"
        )
    )
    assert within(int(marks["found"].sum()), LOTS, 0.416248)


def test_traders_of_poor_record_are_selected_more_often() -> None:
    """As worked out above: a tenth of the firms, of risk 5, at 14 % overall: 50 %, the others 10 %."""
    marks = marks_of(
        border("{contraband: {share: 0 %}, traders: {poor: {share: 10 %, selection: 500 %}}}", selected="14 %")
    )
    poor = marks["poor"]
    assert within(int(poor.sum()), LOTS, 0.10)
    assert within(int((marks["selected"] & poor).sum()), int(poor.sum()), 0.50)
    assert within(int((marks["selected"] & ~poor).sum()), int((~poor).sum()), 0.10)


def test_a_policy_spares_certified_firms_and_the_rest_keep_their_rates() -> None:
    """All trucks adopt a policy that scales the rate to a tenth: 1.4 % overall is 1 % and 5 %."""
    text = BORDER.format(selected="14 %", volume=LOTS)
    rules = RULES.format("{contraband: {share: 0 %}, traders: {poor: {share: 10 %, selection: 500 %}}}")
    policy = "adoption: 100 %\neffects: [{on: {flow: trucks, mark: selected}, scale_share: 10 %, assumed: for a test}]"
    marks = marks_of(port(text, end="2024-01-02", top=rules, policies={"spare": policy}))
    poor = marks["poor"]
    assert within(int((marks["selected"] & poor).sum()), int(poor.sum()), 0.05)
    assert within(int((marks["selected"] & ~poor).sum()), int((~poor).sum()), 0.01)


def test_more_selection_and_better_targeting_keep_what_was_found() -> None:
    """The same truck, the same luck: a higher rate keeps the selected, better targeting the selected carriers."""
    low = marks_of(border("{contraband: {share: 5 %}, targeting: 60 %}", selected="10 %"))
    high = marks_of(border("{contraband: {share: 5 %}, targeting: 60 %}", selected="30 %"))
    sharp = marks_of(border("{contraband: {share: 5 %}, targeting: 90 %}", selected="10 %"))
    assert (low["selected"] <= high["selected"]).all()
    assert (low["found"] <= sharp["found"]).all()
    assert sharp["found"].sum() > 1.5 * low["found"].sum()
    assert within(int(sharp["selected"].sum()), LOTS, 0.10)


@pytest.mark.slow
def test_contaminated_consignments_are_intercepted_as_published() -> None:
    """0.390 of the contaminated consignments (PoPS Border, example of Montgomery 2022).

    Contamination Beta(0.0091, 3.3769), 1 to 100 boxes of 200 items, sampled for 5 % with 95 % confidence.
    """
    boxes = ", ".join(f"{200 * n} items" for n in range(1, 101))
    rule = (
        f"{{contraband: {{share: 100 %, items: {{empirical: [{boxes}]}}, "
        "bad_share: {beta: {a: 0.0091, b: 3.3769, low: 0 %, high: 100 %}}}, sample: {level: 5 %, confidence: 95 %}}"
    )
    scenario = border(rule, selected="100 %", volume=100_000)
    carried = found = 0
    for replication in range(4):
        marks = marks_of(scenario, replication)
        carried, found = carried + int(marks["contraband"].sum()), found + int(marks["found"].sum())
    error = (0.39 * 0.61 / carried) ** 0.5
    assert error < 0.004
    assert abs(found / carried - 0.390) < 4 * error


# --- measured ----------------------------------------------------------------------------------------------


def test_finds_misses_and_officer_hours_by_hand(engine: EngineName) -> None:
    """Four trucks: one is found out, one is opened for nothing, one carries unselected, one raises no alarm.

    Three checks of 30 min by two officers are 3 h, for one find.
    """
    scenario = at_minutes(
        border("{contraband: {share: 50 %}, scan: {sensitivity: 90 %, false_alarms: 10 %}}"),
        "trucks",
        [0, 10, 20, 30],
        selected=[1, 1, 0, 1],
        contraband=[1, 0, 1, 1],
        opened=[1, 1, 0, 0],
        found=[1, 0, 0, 0],
    )
    values = run(scenario, engine).measures.values
    expected = {
        "vehicles_selected": 3,
        "vehicles_opened": 2,
        "false_alarms": 1,
        "contraband_carried": 3,
        "contraband_selected": 2,
        "contraband_found": 1,
        "contraband_missed": 2,
        "detection_rate": 1 / 3,
        "inspection_officer_hours": 3.0,
        "officer_hours_per_find": 3.0,
        "vehicle_hours": 1.5,
    }
    for flow in ("trucks", "all"):
        assert {name: values["east", flow, "all", name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("inspection", "message"),
    [
        ("{contraband: {share: 5 %}, targeting: 40 %}", "targeting is at least 50 %"),
        ("{contraband: {share: 5 %}, traders: {a: {share: 60 %}, b: {share: 50 %}}}", "add up to more than 100 %"),
        ("{contraband: {share: 5 %, bad_items: 1 box, bad_share: 5 %}}", "give bad_items or bad_share, not both"),
        ("{contraband: {share: 5 %}, sample: {level: 5 %}}", "give items, or level and confidence"),
        ("{contraband: {share: 5 %}, sample: {level: 0 %, confidence: 95 %}}", "above 0 %"),
        ("{contraband: {share: 5 %}, traders: {selected: {share: 5 %}}}", "cannot be called 'selected'"),
        (
            "{contraband: {share: 5 %}, traders: {found: {share: 5 %}}}",
            "cannot be called 'found'",
        ),
        (
            "{contraband: {share: 5 %, bad_share: {beta: {a: 0, b: 1, low: 0 %, high: 1 %}}}}",
            "a plain number from 0.001 to 100 as a",
        ),
    ],
)
def test_what_cannot_be_is_refused(inspection: str, message: str) -> None:
    from borderport.errors import SimError

    with pytest.raises(SimError, match=message):
        border(inspection)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("marks: {selected: 15 %}", "marks: {}", "inspection needs a mark 'selected'"),
        ("marks: {selected: 15 %}", "marks: {selected: 15 %, opened: 5 %}", "'opened' is given by inspection 'cargo'"),
        ("inspection: cargo", "inspection: crago", "unknown inspection 'crago'; did you mean 'cargo'"),
    ],
)
def test_a_flow_that_is_inspected_says_how(old: str, new: str, message: str) -> None:
    from borderport.errors import SimError

    text = BORDER.format(selected="15 %", volume=1)
    assert old in text
    with pytest.raises(SimError, match=message):
        port(text.replace(old, new), top=RULES.format("{contraband: {share: 5 %}}"))
