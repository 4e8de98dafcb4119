"""JSON Schemas of scenario and policy files, for editors.

They say what keys there are, how quantities are written and what the short forms are; what `load_scenario`
checks beyond that (references, units of laws, keys that must be there) they leave to it. A file may extend
another, so a scenario's schema requires no key, and ``null`` removes what was inherited.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from borderport.distributions import LAW_NAMES
from borderport.loading.messages import INTERNAL_KEYS
from borderport.scenario import STEP_KINDS, Policy, Scenario

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def scenario_schema() -> Schema:
    """The schema of a scenario file, its keys ``extends`` and ``overlays`` included."""
    schema = Scenario.model_json_schema()
    for key in INTERNAL_KEYS["Scenario"]:
        del schema["properties"][key]
    _adapt(schema)
    for part in _mappings(schema):
        part.pop("required", None)
        for key in {"properties", "patternProperties"} & part.keys():
            part[key] = {name: _or_null(item) for name, item in part[key].items()}
    text = {
        "type": ["string", "integer"],
        "description": "A built-in scenario, or a file in this file's folder.",
    }
    names = {
        "type": "array",
        "items": {"type": ["string", "integer"]},
        "description": "Files in calibration/, without .yaml.",
    }
    schema["properties"] = {"extends": text, "overlays": names, **schema["properties"]}
    return {"$schema": DIALECT, **schema, "description": "A scenario of borderport.", "title": "Scenario"}


def policy_schema() -> Schema:
    """The schema of a policy's file; its name is the file's and may be left out."""
    schema = Policy.model_json_schema()
    schema["required"].remove("name")
    _adapt(schema)
    for selected in schema["$defs"]["Selector"]["properties"].values():
        selected["anyOf"].insert(0, {"type": "string"})
    return {"$schema": DIALECT, **schema, "description": "A policy of borderport.", "title": "Policy"}


def schema_text(schema: Schema) -> str:
    """The text of a schema's file, as it is kept in ``scenarios/``."""
    return json.dumps(schema, indent=2, ensure_ascii=True) + "\n"


def _adapt(schema: Schema) -> None:
    """Add the short forms; refuse names that are none; keep of the descriptions what an editor can show."""
    definitions = schema["$defs"]
    if "Station" in definitions:
        task = definitions["Task"]["properties"]["service"]
        definitions["Station"]["properties"]["service"] = _or_null(task)
    if "Flow" in definitions:
        loads = definitions["Flow"]["properties"]["payload"]
        law = definitions["Payload"]["properties"]["law"]
        definitions["Flow"]["properties"]["payload"] = {"anyOf": [*law["oneOf"], _loads(loads), {"type": "null"}]}
    if "Step" in definitions:
        definitions["Step"] = _step(definitions["Step"])
    for part in _mappings(schema):
        if "patternProperties" in part:
            part["additionalProperties"] = False
        if isinstance(part.get("description"), str):
            part["description"] = part["description"].split("\n\n")[0].replace("\n", " ").replace("``", "")
        if isinstance(part.get("title"), str):
            del part["title"]


def _loads(loads: Schema) -> Schema:
    """Loads by name: what is called like a law is one."""
    return {
        **loads,
        "not": {"minProperties": 1, "maxProperties": 1, "propertyNames": {"enum": list(LAW_NAMES)}},
    }


def _step(step: Schema) -> Schema:
    """A station's name, ``{station: {options}}`` or ``{enter: yard}``; or written out, with kind and name."""
    name = step["properties"]["name"]
    options = {key: value for key, value in step["properties"].items() if key not in ("kind", "name")}
    visit = {"type": "object", "properties": options, "additionalProperties": False}
    kinds = {**dict.fromkeys(STEP_KINDS[1:], name), "kind": False}
    short = {
        "type": "object",
        "properties": kinds,
        "additionalProperties": visit,
        "minProperties": 1,
        "maxProperties": 1,
    }
    long = {
        **{key: value for key, value in step.items() if key != "description"},
        "required": ["kind", "name"],
    }
    return {"description": step["description"], "anyOf": [name, short, long]}


def _or_null(schema: Schema | bool) -> Schema | bool:
    null = {"type": "null"}
    if isinstance(schema, bool) or null in schema.get("anyOf", ()):
        return schema
    return {"anyOf": [schema, null]}


def _mappings(schema: Any) -> Iterator[Schema]:
    """Every schema inside a schema, itself included; keys of ``properties`` are no schemas."""
    if isinstance(schema, list):
        for item in schema:
            yield from _mappings(item)
    if not isinstance(schema, dict):
        return
    yield schema
    for key, item in list(schema.items()):
        if key in ("properties", "patternProperties", "$defs"):
            for below in item.values():
                yield from _mappings(below)
        elif key not in ("default", "examples", "enum", "const", "required"):
            yield from _mappings(item)
