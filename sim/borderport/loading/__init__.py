"""YAML files → a valid `borderport.scenario.Scenario`, or every problem with file, line, column and path."""

from borderport.loading.catalogue import load_policies, read_plain
from borderport.loading.changed import named_after_changes, told_apart
from borderport.loading.files import builtin_folder, builtin_names
from borderport.loading.load import Loaded, load_scenario
from borderport.loading.reasons import numbers_of, said_of
from borderport.loading.remarks import remarks
from borderport.loading.schema import policy_schema, scenario_schema, schema_text
from borderport.loading.tree import Origin

__all__ = [
    "Loaded",
    "Origin",
    "builtin_folder",
    "builtin_names",
    "load_policies",
    "load_scenario",
    "named_after_changes",
    "numbers_of",
    "policy_schema",
    "read_plain",
    "remarks",
    "said_of",
    "scenario_schema",
    "schema_text",
    "told_apart",
]
