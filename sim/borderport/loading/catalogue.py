"""The policies there are: one file each, named like the policy."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from borderport.errors import UsageError
from borderport.loading.files import Source, builtin_folder, read_mapping, shown_name
from borderport.loading.messages import findings_of
from borderport.loading.tree import Finding, Node, Origin, raise_if_any
from borderport.scenario import NAME_PATTERN, Policy

M = TypeVar("M", bound=BaseModel)
FOLDER = "policies"  # beside a scenario


@dataclass(frozen=True)
class PolicyFile:
    """A policy and the tree of its file."""

    policy: Policy
    root: Node


@dataclass(frozen=True)
class Catalogue:
    """The policies that a scenario can use, and where they were looked for.

    Attributes
    ----------
    entries : dict of str to PolicyFile
        By name.
    folders : tuple of Path
        Beside those built in: later ones win.
    beside : Path or None
        Folder of the scenario's file; None for one that is built in.
    """

    entries: dict[str, PolicyFile]
    folders: tuple[Path, ...]
    beside: Path | None

    def unknown(self, name: str) -> str:
        """The message on a policy that is not there: the places searched, and the way to add one's own."""
        stem = name.replace("\\", "/").rpartition("/")[2].removesuffix(".yaml")
        meant = difflib.get_close_matches(stem[:80], self.entries, n=1)
        message = f"unknown policy '{name}'; " + (f"did you mean '{meant[0]}'? " if meant else "")
        looked = ["the built-in ones (borderport list policies)", *map(shown_name, self.folders)]
        message += f"looked among {' and in '.join(looked)}"
        if self.beside is not None and os.path.isfile(self.beside / f"{stem}.yaml"):
            return f"{message}; {stem}.yaml lies beside the scenario: move it into {FOLDER}/"
        where = f"in {FOLDER}/ beside the scenario or " if self.beside is not None else ""
        return f"{message}; one of your own is a file NAME.yaml {where}in the folder that --policies DIR names"


def find_policies(scenario: Source, builtin: bool, folder: Path | None) -> tuple[Catalogue, list[Finding]]:
    """The policies for a scenario: built-in ones, those beside its file, and those of a folder that was asked for.

    Parameters
    ----------
    scenario : Source
    builtin : bool
        True if the scenario is a built-in one, asked for by its name.
    folder : Path or None
        A folder whose policies win.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    if folder is not None and not folder.is_dir():
        raise UsageError(f"--policies {folder}: is not a folder")
    own = builtin_folder("scenarios") / FOLDER
    entries, findings = read_catalogue(own)
    beside = None if builtin else scenario.path.parent
    folders = [beside / FOLDER] if beside is not None else []
    folders += [folder] if folder is not None else []
    for place in folders:
        if place.resolve() == own.resolve():
            continue
        if place is not folder and not place.resolve().is_relative_to(scenario.path.parent):
            findings.append(Finding(Origin(shown_name(place), 1, 1), (), "is a link out of the scenario's folder"))
            continue
        more, wrong = read_catalogue(place)
        entries, findings = {**entries, **more}, [*findings, *wrong]
    return Catalogue(entries, tuple(folders), beside), findings


def load_policies(folder: Path | None = None) -> dict[str, Policy]:
    """Read every policy of a folder.

    Parameters
    ----------
    folder : Path or None
        Files ``NAME.yaml``; the built-in catalogue if None.

    Returns
    -------
    dict of str to Policy
        By name, sorted.

    Raises
    ------
    ScenarioInvalid
        With every problem of every file.
    """
    entries, findings = read_catalogue(folder or builtin_folder("scenarios") / "policies")
    raise_if_any(findings)
    return {name: entry.policy for name, entry in entries.items()}


def read_plain(path: Path, model: type[M]) -> M:
    """Read a file that holds one model as it is, such as a calibration recipe.

    Raises
    ------
    ScenarioInvalid
        With every problem of the file.
    """
    root, findings = read_mapping(Source(shown_name(path), path.resolve()))
    raise_if_any(findings)
    assert root is not None
    try:
        return model.model_validate(root.plain())
    except ValidationError as error:
        raise_if_any(findings_of(error, model, root))
        raise


def read_catalogue(folder: Path) -> tuple[dict[str, PolicyFile], list[Finding]]:
    """Read every policy of a folder that may not exist, and what is wrong with them."""
    entries: dict[str, PolicyFile] = {}
    findings: list[Finding] = []
    for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
        entry, more = _read_policy(path)
        findings += more
        if entry is not None:
            entries[path.stem] = entry
    return entries, findings


def _read_policy(path: Path) -> tuple[PolicyFile | None, list[Finding]]:
    shown = shown_name(path)
    start = Origin(shown, 1, 1)
    if not re.fullmatch(NAME_PATTERN, path.stem):
        return None, [Finding(start, (), "a policy's file is named in lower-case letters, digits, - and _")]
    resolved = path.resolve()
    if not resolved.is_relative_to(path.parent.resolve()):
        return None, [Finding(start, (), "is a link out of its folder")]
    root, findings = read_mapping(Source(shown, resolved))
    if root is None or findings:
        return None, findings
    name = root.child("name")
    if name is not None and name.value != path.stem:
        return None, [Finding(name.at, ("name",), f"must be the file's name, '{path.stem}', or be left out")]
    try:
        return PolicyFile(Policy.model_validate({**root.plain(), "name": path.stem}), root), []
    except ValidationError as error:
        return None, findings_of(error, Policy, root)
