"""Names that users give, and those they may not give because they mean something already. The one list of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field

from borderport.distributions import LAW_NAMES

NAME_PATTERN = r"^[a-z][a-z0-9_-]*$"

# Names that have a meaning already, by the kind of thing named; `name` holds for everything that has one.
RESERVED: dict[str, dict[str, str]] = {
    "name": {
        "all": "the total in tables, --port, --flow and `stops`",
        "nan": "a figure that there is not, to whoever reads a table",
        "null": "nothing, in YAML and JSON",
        "true": "yes, in YAML and JSON",
        "false": "no, in YAML and JSON",
    },
    "station": {
        "arrival": "the column of a trace with the arrivals, arrival_ms",
        "payload": "the random numbers of loads",
    },
    "task": {
        "visited": "the draw of a step with a share of its own, STATION.visited",
        "adopted": "the draw of who adopts a policy, POLICY.adopted",
    },
    "station.task": dict.fromkeys(
        (f"inspection.{name}" for name in ("items", "bad", "bad_share", "scan", "sample")), "a draw of what is found"
    ),
    "mark": {
        **dict.fromkeys(("arrival", "arrival_ms", "payload_t", "value_cny", "consignment"), "a column of a trace"),
        **dict.fromkeys(
            ("arrivals", "convoy", "diversion", "sets_out", "patience", "trader"), "a draw that every flow has"
        ),
        **dict.fromkeys(("closed", "start", "length", "happens", "slow"), "a draw of closures and paces"),
    },
    "load": dict.fromkeys(LAW_NAMES, "a law; {law: {...}} would be read as one load without a name"),
}


def _free(kind: str) -> Callable[[str], str]:
    """A check that refuses the names that mean something else for this kind of thing."""
    taken = {**RESERVED["name"], **RESERVED[kind]}

    def check(name: str) -> str:
        if name in taken:
            raise ValueError(f"'{name}' means {taken[name]}; choose another name")
        return name

    return check


_Text = Annotated[str, Field(pattern=NAME_PATTERN, max_length=60)]

Name = Annotated[_Text, AfterValidator(_free("name"))]
StationName = Annotated[_Text, AfterValidator(_free("station"))]
TaskName = Annotated[_Text, AfterValidator(_free("task"))]
MarkName = Annotated[_Text, AfterValidator(_free("mark"))]
LoadName = Annotated[_Text, AfterValidator(_free("load"))]
VariantName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=60)]
