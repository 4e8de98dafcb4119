"""YAML files → a valid `sim.scenario.Scenario`, or every problem with file, line, column and path."""

from sim.loading.catalogue import load_policies, read_plain
from sim.loading.files import builtin_folder, builtin_names
from sim.loading.load import Loaded, load_scenario
from sim.loading.schema import policy_schema, scenario_schema, schema_text
from sim.loading.tree import Origin

__all__ = [
    "Loaded",
    "Origin",
    "builtin_folder",
    "builtin_names",
    "load_policies",
    "load_scenario",
    "policy_schema",
    "read_plain",
    "scenario_schema",
    "schema_text",
]
