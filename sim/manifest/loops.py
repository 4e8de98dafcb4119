"""What is written task by task for every vehicle, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.compiling import compiled


@compiled
def put_work(work: Any, rows: Any, out: Any) -> None:
    """Round the work of some vehicles to whole ms and write it; the others have none.

    Parameters
    ----------
    work : float64 array, shape (some vehicles,)
    rows : int64 array, shape (some vehicles,), or (0,) if they are all
        Their places among all vehicles.
    out : int64 array, shape (vehicles,)
        Written.
    """
    if work.size == out.size:
        for vehicle in range(out.size):
            out[vehicle] = np.int64(np.rint(work[vehicle]))
        return
    out[:] = 0
    for place in range(rows.size):
        out[np.uint64(rows[place])] = np.int64(np.rint(work[place]))
