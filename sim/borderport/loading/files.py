"""Names to files, and the chain of files that one extends."""

from __future__ import annotations

import importlib.resources
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from borderport.errors import UsageError
from borderport.loading.merge import merged, without_empty_policies
from borderport.loading.tree import Finding, Node, Origin, suggest
from borderport.loading.yaml import MAX_BYTES, read_yaml

Kind = Literal["scenarios", "calibration"]
MAX_CHAIN = 16
LONGEST_SHOWN = 80  # of a file's name in a message
_OVERLAY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")


def builtin_folder(kind: Kind) -> Path:
    """Folder of the program's own data: inside an installed package, or beside it in a checkout."""
    package = Path(str(importlib.resources.files("borderport")))
    installed = package / "_data" / kind
    return installed if installed.is_dir() else package.parent.parent / kind


def builtin_names() -> list[str]:
    """Names of the built-in scenarios, sorted."""
    return sorted(path.stem for path in builtin_folder("scenarios").glob("*.yaml"))


def is_path(reference: str) -> bool:
    """True if a scenario is asked for by its file rather than by the name of a built-in one."""
    separators = {"/", os.sep, os.altsep or "/"}
    return reference.endswith((".yaml", ".yml")) or any(separator in reference for separator in separators)


@dataclass(frozen=True)
class Source:
    """A file: what messages call it, and where it really lies."""

    shown: str
    path: Path


def find_scenario(reference: str) -> Source:
    """The file of a scenario that was asked for on the command line.

    Raises
    ------
    UsageError
        There is no such file or built-in scenario.
    """
    if not is_path(reference):
        if reference not in builtin_names():
            hint = suggest(reference, builtin_names())
            raise UsageError(f"no built-in scenario '{reference}'{hint}; a file's name ends in .yaml")
        path = builtin_folder("scenarios") / f"{reference}.yaml"
        return Source(shown_name(path), path.resolve())
    try:
        return Source(reference, Path(reference).resolve(strict=True))
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"cannot read scenario {reference!r}: {_reason(error)}") from None


def shown_name(path: Path) -> str:
    """A path relative to the current folder when it lies inside, else as given."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def read_file(source: Source) -> tuple[Node | None, list[Finding]]:
    """Read one regular file of at most 1 MB as YAML."""
    at = Origin(source.shown, 1, 1)
    try:
        if not stat.S_ISREG(source.path.stat().st_mode):
            return None, [Finding(at, (), "is not a regular file")]
        with source.path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        return None, [Finding(at, (), f"cannot be read: {_reason(error)}")]
    return read_yaml(content, source.shown)


def read_mapping(source: Source) -> tuple[Node | None, list[Finding]]:
    """Read one file whose document is a mapping."""
    node, findings = read_file(source)
    if node is not None and not isinstance(node.value, dict):
        findings = [*findings, Finding(node.at, (), "must be a mapping (key: value)")]
        node = None
    return node, findings


def read_scenario(
    source: Source, overlays: bool = True, given: Node | None = None
) -> tuple[Node | None, dict[str, Node], list[Finding]]:
    """Read a scenario file with all it extends and its overlays, merged to one tree.

    A file's values win over those of the files it extends, and fitted values over those of the file that names
    their overlay. Of several files of the chain that name overlays, the list of the most derived one counts.

    Parameters
    ----------
    source : Source
    overlays : bool
        True to lay overlays over; calibration starts without.
    given : Node or None
        Content of the file, if there is none.

    Returns
    -------
    Node or None
        The tree without the keys ``extends`` and ``overlays``; None if a file could not be read.
    dict of str to Node
        The content of each file by itself, by the name that origins give it.
    list of Finding
    """
    chain, findings = _read_chain(source, given)
    layers = {node.at.file: node for node in chain}
    tree = Node({}, Origin(source.shown, 1, 1), Origin(source.shown, 1, 1))
    overlaid = [position for position, node in enumerate(chain) if node.child("overlays") is not None]
    for position in reversed(range(len(chain))):
        tree = without_empty_policies(merged(tree, _without(chain[position], "extends", "overlays")))
        if overlays and position in overlaid[:1]:
            overlaid_by, more = _read_overlays(chain[position])
            findings += more
            for layer in overlaid_by:
                tree = merged(tree, layer)
                layers[layer.at.file] = layer
    return (tree if chain else None), layers, findings


def _without(node: Node, *names: str) -> Node:
    assert isinstance(node.value, dict)
    return node._replace(value={key: item for key, item in node.value.items() if key not in names})


def _read_chain(source: Source, given: Node | None) -> tuple[list[Node], list[Finding]]:
    """Read a file and those it extends, the most derived first; an empty list if one cannot be read."""
    nodes: list[Node] = []
    findings: list[Finding] = []
    sources = [source]
    while True:
        node, more = read_mapping(sources[-1]) if given is None or nodes else (given, [])
        findings += more
        if node is None:
            return [], findings
        nodes.append(node)
        extends = node.child("extends")
        if extends is None:
            return nodes, findings
        try:
            sources.append(_extended(sources, extends))
        except ValueError as error:
            return [], [*findings, Finding(extends.at, ("extends",), str(error))]


def _extended(sources: list[Source], extends: Node) -> Source:
    """The file that the last one extends, or ValueError saying why it may not."""
    name = _name(extends)
    if not name:
        raise ValueError("must be the name of a built-in scenario or of a file beside this one")
    found = _scenario_beside(sources[-1], name)
    known = [source.path for source in sources]
    if found.path in known:
        circle = [*sources[known.index(found.path) :], found]
        raise ValueError(f"goes in a circle: {' -> '.join(Path(source.shown).name for source in circle)}")
    if len(sources) >= MAX_CHAIN:
        raise ValueError(f"is more than {MAX_CHAIN} levels of files, the most that is read")
    return found


def _scenario_beside(extending: Source, name: str) -> Source:
    if not is_path(name):
        if name not in builtin_names():
            raise ValueError(
                f"no built-in scenario '{name}'{suggest(name, builtin_names())}; a file's name ends in .yaml"
            )
        path = builtin_folder("scenarios") / f"{name}.yaml"
        return Source(shown_name(path), path.resolve())
    return file_within(Source(str(Path(extending.shown).parent), extending.path.parent), name)


def file_within(folder: Source, name: str, owner: str = "of this file") -> Source:
    """The file that a scenario or recipe names: relative to a folder and inside it, whatever it links to, or built in.

    Parameters
    ----------
    folder : Source
        Resolved.
    name : str
        As it is written.
    owner : str
        Owner of the folder, for the message.

    Raises
    ------
    ValueError
        It is absolute, is not there, lies outside or is no regular file; the message says which.
    """
    shown = name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}…"
    if "\0" in name or name.startswith("~") or Path(name).is_absolute():
        raise ValueError(f"must be relative to the folder {owner}, got {shown!r}")
    try:
        path = (folder.path / name).resolve(strict=True)
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"cannot read '{shown}': {_reason(error)}") from None
    kinds: tuple[Kind, ...] = ("scenarios", "calibration")
    roots = [folder.path, *(builtin_folder(kind).resolve() for kind in kinds)]
    if not any(path.is_relative_to(root) for root in roots):
        raise ValueError(f"'{shown}' lies outside the folder {owner}; copy it there")
    if not regular:
        raise ValueError(f"'{shown}' is not a regular file")
    return Source(str(Path(folder.shown) / name), path)


def _read_overlays(node: Node) -> tuple[list[Node], list[Finding]]:
    """Read what the overlays of a file lay over it, in their order."""
    overlays = node.child("overlays")
    assert overlays is not None
    if not isinstance(overlays.value, list):
        return [], [Finding(overlays.at, ("overlays",), "must be a list of names of files in calibration/")]
    layers: list[Node] = []
    findings: list[Finding] = []
    for index, item in enumerate(overlays.value):
        try:
            layer, more = _read_overlay(item)
        except ValueError as error:
            layer, more = None, [Finding(item.at, ("overlays", index), str(error))]
        layers += [layer] if layer is not None else []
        findings += more
    return layers, findings


def _read_overlay(item: Node) -> tuple[Node | None, list[Finding]]:
    folder = builtin_folder("calibration")
    name = _name(item)
    if not _OVERLAY_NAME.fullmatch(name):
        raise ValueError("must be the name of a file in calibration/, without .yaml")
    path = folder / f"{name}.yaml"
    if not os.path.isfile(path):  # a name that is too long, too
        hint = suggest(name, sorted(other.stem for other in folder.glob("*.yaml")))
        raise ValueError(f"there is no calibration/{name}.yaml{hint}")
    node, findings = read_mapping(Source(shown_name(path), path))
    layer = node.child("overlay") if node is not None else None
    if node is not None and (layer is None or not isinstance(layer.value, dict)):
        findings = [*findings, Finding(node.at, ("overlay",), "must be a mapping to lay over a scenario")]
        layer = None
    return layer, findings


def _name(node: Node) -> str:
    """A scenario or overlay by its name, which may be all digits; empty if the value is no name."""
    if isinstance(node.value, bool) or not isinstance(node.value, str | int):
        return ""
    return str(node.value)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
