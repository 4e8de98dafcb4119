"""Rules for the files of the repository, whatever they are about."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-bench.lock"]

# One letter of each is in brackets, so that this file is not its own first finding.
REGISTRY_HOSTS = r"p[y]pi\.org|p[y]thonhosted|n[p]mjs\.org|d[e]b\.debian|i[n]dex-url"
MACHINE_FOLDERS = r"/w[o]rk/|/f[a]rm/|/r[o]ot/|/h[o]me/|/U[s]ers/|/t[m]p/[a-z]"
FORBIDDEN = re.compile(f"{REGISTRY_HOSTS}|{MACHINE_FOLDERS}")


def own_files() -> list[str]:
    """Files that are committed, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def normalized(requirement: str) -> str:
    """The name in a requirement, as registries compare names."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def locked(lock: str) -> dict[str, list[str]]:
    """Each requirement of a lock file, without its hashes → its hashes."""
    entries = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    split = [entry.split("--hash=") for entry in entries if entry and not entry.startswith("#")]
    return {requirement.strip(): [digest.strip() for digest in hashes] for requirement, *hashes in split}


def declared(*groups: str) -> set[str]:
    """Names that pyproject.toml asks for: of the program itself and of the given groups."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    requirements = list(pyproject["project"]["dependencies"])
    wanted = list(groups)
    while wanted:
        for item in pyproject["dependency-groups"][wanted.pop()]:
            if isinstance(item, dict):
                wanted.append(item["include-group"])
            else:
                requirements.append(item)
    return {normalized(requirement) for requirement in requirements}


def test_no_registry_and_no_machine_is_named() -> None:
    findings = []
    for name in own_files():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        findings += [
            f"{name}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), start=1)
            if FORBIDDEN.search(line)
        ]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_requirement_is_exact_and_hashed(lock: str) -> None:
    requirements = locked(lock)
    assert requirements
    for requirement, hashes in requirements.items():
        assert re.match(r"[a-z0-9-]+==\S+( ; .+)?$", requirement), requirement
        assert hashes, f"{requirement} has no hash"
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement


@pytest.mark.parametrize(("lock", "groups"), [(LOCKS[0], ["build"]), (LOCKS[1], ["dev"]), (LOCKS[2], ["dev", "bench"])])
def test_whatever_is_declared_is_locked(lock: str, groups: list[str]) -> None:
    missing = declared(*groups) - {normalized(requirement) for requirement in locked(lock)}
    assert not missing, f"`make lock` would add {sorted(missing)} to {lock}"


def test_the_locks_agree() -> None:
    smaller = [set(locked(lock)) for lock in LOCKS]
    assert smaller[0] <= smaller[1] <= smaller[2], "a version differs between locks: run `make lock`"


def test_the_version_is_the_same_wherever_it_stands() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {pyproject['project']['version']}\n" in citation
