"""Replications: what a sample holds, how runs are cut, when a precision is reached, what a hash is of."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from borderport.errors import UsageError
from borderport.experiment import (
    Chunk,
    check_watched,
    cut,
    prepare,
    replicate,
    run_chunk,
    run_scenarios,
    sample_of,
    scenario_hash,
    simulate,
)
from borderport.scenario import Scenario, for_readers
from borderport.statistics import Precision, t_interval
from tests.builders import at_minutes, models, port

BODY = """
resources: {desk: {capacity: 1}}
stations: {desk: {needs: [desk], service: {exponential: {mean: 20 min}}}}
routes: {out: {steps: [desk]}}
flows: {cars: {route: out, volume: 50 cars per d}}
"""


def small() -> Scenario:
    return port(BODY)


@pytest.mark.parametrize(("replications", "jobs"), [(1, 1), (7, 1), (7, 2), (100, 3), (3, 16)])
def test_chunks_are_all_replications_once_and_in_order(replications: int, jobs: int) -> None:
    assert [r for part in cut(replications, jobs) for r in part] == list(range(replications))
    assert [r for part in cut(replications, jobs, first=2) for r in part] == list(range(2, replications))


def test_a_sample_has_one_row_for_each_replication_in_order() -> None:
    study = prepare(small())
    measures = [replicate(study, 5, r) for r in range(3)]
    sample = sample_of(study.scenario, 5, "compiled", measures)
    assert sample.replications == 3
    for r in range(3):
        assert (
            sample.of("east", "cars", "vehicles_arrived")[r]
            == measures[r].values["east", "cars", "all", "vehicles_arrived"]
        )
    low, mean, high = sample.intervals()
    column = sample.keys.index(("east", "all", "desk", "queue_mean"))
    expected = t_interval(sample.of("east", "all", "queue_mean", "desk"))
    assert (low[column], mean[column], high[column]) == (expected.low, expected.mean, expected.high)


def test_the_replications_of_a_chunk_share_their_keys() -> None:
    """A worker sends the driver one list of keys, and numbers."""
    sent = run_chunk(Chunk((small(),), seed=1, replications=(0, 1), engine="compiled", detail=False))
    first, second = (row[0] for row in sent)
    assert first.keys is second.keys
    assert len(pickle.dumps([first, second])) < len(pickle.dumps([first])) + 2 * second.numbers.nbytes


def test_a_metric_that_does_not_exist_is_an_error() -> None:
    sample = run_scenarios([small()], replications=1, seed=1)[0]
    with pytest.raises((KeyError, ValueError)):
        sample.of("east", "cars", "beauty")


def test_scenarios_meet_the_same_vehicles() -> None:
    """Common random numbers: with faster work, the very same cars come."""
    fast = port(BODY.replace("20 min", "10 min"))
    slow_manifest, fast_manifest = (simulate(prepare(s), 5, 2)[0].flows["east.cars"] for s in (small(), fast))
    assert np.array_equal(slow_manifest.arrival_ms, fast_manifest.arrival_ms)
    assert (
        np.abs(slow_manifest.work_ms["east.desk.service"] - 2 * fast_manifest.work_ms["east.desk.service"]).max() <= 2
    )


def test_a_precision_is_reached_by_more_replications() -> None:
    few = run_scenarios([small()], replications=3, seed=1)[0]
    many = run_scenarios([small()], replications=3, seed=1, precision=Precision(0.1))[0]
    found = t_interval(many.of("all", "all", "passage_time_mean"))
    assert few.replications == 3 < many.replications
    assert found.half_width <= 0.1 * found.mean
    assert np.array_equal(many.values[:3], few.values, equal_nan=True)


def test_a_precision_that_is_out_of_reach_or_of_nothing_is_not_run_for() -> None:
    """Nobody clears at a desk that is shut: after thirty replications it is time to stop, not after ten thousand."""
    shut = port(BODY.replace("capacity: 1", "capacity: 0"), end="2024-01-02")
    assert run_scenarios([shut], replications=2, seed=1, precision=Precision(0.01))[0].replications == 30
    far = run_scenarios([small()], replications=5, seed=1, precision=Precision(1e-6))
    assert far[0].replications == 5


def test_a_precision_can_be_about_any_metric_and_in_its_unit() -> None:
    wanted = Precision(2.0, relative=False)
    found = run_scenarios([small()], replications=3, seed=1, precision=wanted, watched="vehicles_arrived")[0]
    assert 3 < found.replications < 2000
    assert t_interval(found.of("all", "all", "vehicles_arrived")).half_width <= 2.0


def test_a_metric_that_cannot_be_watched_says_why() -> None:
    check_watched(small(), "all", "passage_time_mean")
    for metric, why in (("beauty", "unknown metric"), ("queue_mean", "has none"), ("total_cost", "has none")):
        with pytest.raises(UsageError, match=f"--of {metric}: .*{why}.*see `borderport list metrics`"):
            check_watched(small(), "all", metric)


def test_progress_is_told_up_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    run_scenarios([small()], replications=5, seed=1, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (5, 5)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_texts_do_not_count_in_the_hash_and_numbers_do() -> None:
    plain = port(BODY)
    worded = port(BODY.replace("cars: {", "cars: {assumed: by me, label: {en: Cars}, "))
    changed = port(BODY.replace("50 cars", "51 cars"))
    assert scenario_hash(plain) == scenario_hash(worded) != scenario_hash(changed)


def test_observed_vehicles_count_in_the_hash() -> None:
    hashes = {scenario_hash(at_minutes(small(), "cars", minutes)) for minutes in ([1, 2], [1, 3], [1, 2, 3])}
    assert len(hashes | {scenario_hash(small())}) == 4


@pytest.mark.parametrize("name", ["source", "assumed", "label", "description", "title", "name", "reported", "question"])
def test_what_users_call_like_a_text_counts_in_the_hash(name: str) -> None:
    """At any place: a resource, a station, a task, a mark, a load, a group and a port of that name."""
    body = """
resources: {NAME: {capacity: 1}}
stations: {NAME: {needs: [NAME], tasks: {NAME: {service: 5 min, if: NAME}}}}
routes: {NAME: {steps: [NAME]}}
flows: {NAME: {route: NAME, volume: 50 cars per d, marks: {NAME: 50 %}, payload: {NAME: {law: 2 t}}}}
""".replace("NAME", name)
    changes = ["capacity: 1", "service: 5 min", "50 cars", "50 %", "law: 2 t"]
    top = f"groups: {{{name}: [east.{name}]}}\n"
    bodies = [
        body,
        *(body.replace(text, text.replace("5", "6").replace("1", "2").replace("2 t", "3 t")) for text in changes),
    ]
    hashes = [scenario_hash(port(changed, top=top)) for changed in bodies]
    hashes.append(scenario_hash(port(body)))
    assert len(set(hashes)) == len(hashes)


def test_the_order_of_what_is_listed_counts_in_the_hash() -> None:
    """Stations seize resources in the order in which the port lists them, and vehicles are numbered flow by flow."""
    one = "resources: {desk: {capacity: 1}, lane: {capacity: 1}}\n"
    other = "resources: {lane: {capacity: 1}, desk: {capacity: 1}}\n"
    rest = BODY.partition("\n")[2].partition("\n")[2].replace("needs: [desk]", "needs: [desk, lane]")
    assert scenario_hash(port(one + rest)) != scenario_hash(port(other + rest))


def test_the_hash_sees_the_last_bit() -> None:
    share = "flows: {cars: {route: out, volume: 50 cars per d, marks: {red: SHARE %}}}"
    body = BODY.rpartition("flows")[0] + share
    assert scenario_hash(port(body.replace("SHARE", "33.3333333333333"))) != scenario_hash(
        port(body.replace("SHARE", "33.3333333333334"))
    )


def test_every_field_that_is_for_readers_is_a_text() -> None:
    """Nothing that a computation reads is marked as for readers: what is marked is listed here."""
    found = {(model.__name__, name) for model in models() for name in model.model_fields if for_readers(model, name)}
    assert {pair for pair in found if pair[1] not in ("source", "assumed", "label")} == {
        *(("Scenario", name) for name in ("name", "title", "question", "reported")),
        *(("Policy", name) for name in ("title", "description")),
    }
