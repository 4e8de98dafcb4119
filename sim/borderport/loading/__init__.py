"""YAML files → a valid `borderport.scenario.Scenario`, or every problem with file, line, column and path."""

from borderport.loading.catalogue import load_policies, read_plain
from borderport.loading.files import builtin_folder, builtin_names
from borderport.loading.load import Loaded, load_scenario
from borderport.loading.schema import policy_schema, scenario_schema, schema_text
from borderport.loading.tree import Origin

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
