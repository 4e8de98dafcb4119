"""Random networks for comparing the engines: few distinct times, so that events tie by the hundred."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from borderport.calendars import NEVER
from borderport.network import (
    ABANDONED,
    DELAY,
    END,
    ESCAPE,
    EXITED,
    RELEASE,
    SEIZE,
    SIGNAL,
    WAIT,
    Column,
    FlowLayout,
    Network,
)
from borderport.scenario import Ref

HORIZON = 60
LEVELS = 2


@st.composite
def programs(draw: st.DrawFn, resources: int, paces: int, slots: int) -> list[list[int]]:
    """One valid program: releases only what it holds, with ways out that release everything."""
    rows: list[list[int]] = []
    held: list[int] = []
    escapes: list[tuple[int, list[int]]] = []
    column = 0
    level = draw(st.integers(0, LEVELS - 1))
    for _ in range(draw(st.integers(0, 9))):
        code = draw(st.sampled_from([SEIZE, SEIZE, DELAY, DELAY, RELEASE, WAIT, SIGNAL]))
        if code == RELEASE:
            if held:
                rows.append([RELEASE, held.pop(draw(st.integers(0, len(held) - 1))), 0, level, 0])
            continue
        if code == SIGNAL:
            rows.append([SIGNAL, draw(st.integers(0, slots - 1)), 0, level, 0])
            continue
        argument = {SEIZE: resources - 1, DELAY: paces, WAIT: slots - 1}[code]
        chosen = draw(st.integers(0, argument))
        if code == SEIZE:
            if draw(st.booleans()):
                escapes.append((len(rows), list(held)))
            held.append(chosen)
        rows.append([code, chosen, column, level, 0])
        column += 1
    rows += [[RELEASE, resource, 0, level, 0] for resource in reversed(held) if draw(st.booleans())]
    rows.append([END, EXITED, 0, level, 0])
    for position, holding in escapes:
        rows[position][ESCAPE] = len(rows) - position
        rows += [[RELEASE, resource, 0, level, 0] for resource in reversed(holding)]
        rows.append([END, ABANDONED, 0, level, 0])
    return rows


def meeting(resource: int) -> list[list[list[int]]]:
    """Two programs: some wait for a signal and then want the same resource at once; others give it, after work."""
    waits = [[WAIT, 0, 0, 0, 0], [SEIZE, resource, 1, 0, 0], [DELAY, 0, 2, 0, 0], [RELEASE, resource, 0, 0, 0]]
    return [[*waits, [END, EXITED, 0, 0, 0]], [[DELAY, 0, 0, 0, 0], [SIGNAL, 0, 0, 0, 0], [END, EXITED, 0, 0, 0]]]


def counter(resource: int) -> list[list[int]]:
    """The simplest station: a queue that one may give up, work, and the way out of those who gave up."""
    seize = [SEIZE, resource, 0, 0, 4]
    return [seize, [DELAY, 0, 1, 0, 0], [RELEASE, resource, 0, 0, 0], [END, EXITED, 0, 0, 0], [END, ABANDONED, 0, 0, 0]]


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A network with priorities, calendars, quotas, pace, patience, signals and yards, all at once."""
    resources, paces, slots, columns = draw(st.integers(1, 4)), draw(st.integers(0, 2)), draw(st.integers(1, 3)), 9
    kinds = draw(st.lists(programs(resources, paces, slots), min_size=1, max_size=4))
    if draw(st.booleans()):
        kinds += meeting(draw(st.integers(0, resources - 1)))
    if draw(st.booleans()):
        kinds.append(counter(draw(st.integers(0, resources - 1))))
    starts = np.cumsum([0] + [len(rows) for rows in kinds])[:-1]
    n = draw(st.integers(0, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    coarse = draw(st.sampled_from([1, 5, 20]))
    arrival = np.sort(rng.integers(0, HORIZON // coarse, n) * coarse)
    changes = draw(st.integers(0, 12))
    change_ms = rng.integers(0, HORIZON // coarse, changes) * coarse
    change_resource = rng.integers(0, resources, changes)
    order = np.lexsort((change_resource, change_ms))
    segments = rng.integers(1, 4, paces)
    pace_ms = [
        np.concatenate([[0], np.unique(rng.integers(1, HORIZON // coarse, s - 1) * coarse)]) if s > 1 else np.zeros(1)
        for s in segments
    ]
    pace_first = np.cumsum([0] + [p.size for p in pace_ms]).astype(np.int64)
    impatient = rng.random(n) < 0.5
    # Few signals, so that many wait for one and are woken in one event; or one of its own for each.
    signals = draw(st.sampled_from([1, 3, max(n, 1) * slots]))
    served = tuple(Column(Ref("a", "s"), "service") for _ in range(columns))
    layout = FlowLayout(Ref("a", "b"), served, 0, np.arange(n), (0, columns), None)
    return Network(
        horizon_ms=HORIZON,
        lead_in_ms=draw(st.sampled_from([0, 7])),
        resources=tuple(Ref("a", f"r{i}") for i in range(resources)),
        capacity=rng.integers(0, 3, resources),
        change_ms=change_ms[order].astype(np.int64),
        change_resource=change_resource[order].astype(np.int64),
        change_capacity=rng.integers(0, 4, changes),
        change_refills=rng.random(changes) < 0.3,
        pace_first=pace_first,
        pace_ms=np.concatenate([*pace_ms, np.empty(0)]).astype(np.int64),
        pace_per_mille=rng.choice([0, 300, 1000, 1700], int(pace_first[-1])).astype(np.int64),
        levels=LEVELS,
        ops=np.asarray([row for rows in kinds for row in rows], dtype=np.uint32),
        arrival_ms=arrival.astype(np.int64),
        start=starts[rng.integers(0, len(kinds), n)].astype(np.uint32),
        row=(np.arange(n) * columns).astype(np.int64),
        deadline_ms=np.where(impatient, arrival + rng.integers(0, 4, n) * coarse, NEVER).astype(np.int64),
        signal=rng.integers(0, signals, (n, slots)).astype(np.uint32),
        signals=signals,
        work_ms=(rng.integers(0, 4, n * columns) * coarse).astype(np.int64),
        windows={},
        flows=(layout,),
    )
