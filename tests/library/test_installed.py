"""The shipped filters are found however the project was installed: from a wheel, in place, or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.cli.tools import REPOSITORY

pytestmark = pytest.mark.slow

_NEEDED = ("cbpf", "filters", "setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
_ASK = """
import sys
import cbpf
from cbpf.library import default_library
print(cbpf.__file__)
print(" ".join(default_library().names()))
cbpf.compile(f"not @{next(iter(default_library().names()))}")
"""
NAMES = sorted(path.name.removesuffix(".pcapfilter") for path in (REPOSITORY / "filters").glob("*.pcapfilter"))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is needed to install, without what earlier builds left."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in _NEEDED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CBPF"))}
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={**inherited, "XDG_CONFIG_HOME": str(cwd), "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def asked(python: str | Path, cwd: Path, **environment: str) -> tuple[str, list[str]]:
    """Where the package is, and the names of the filters it finds."""
    where, names = run(python, "-c", _ASK, cwd=cwd, **environment).splitlines()
    return where, names.split()


def test_wheel(checkout: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, checkout, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if not name.startswith("cbpf")]
    target = tmp_path / "target"
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", target, wheel, cwd=tmp_path)
    where, names = asked(sys.executable, tmp_path, PYTHONPATH=str(target))
    assert where.startswith(str(target))
    assert names == NAMES


def test_in_place(checkout: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-deps", "-e", checkout, cwd=tmp_path)
    where, names = asked(python, tmp_path)
    assert where.startswith(str(checkout))
    assert names == NAMES


def test_nowhere(checkout: Path, tmp_path: Path) -> None:
    where, names = asked(sys.executable, tmp_path, PYTHONPATH=str(checkout))
    assert where.startswith(str(checkout))
    assert names == NAMES


def test_source_distribution(checkout: Path, tmp_path: Path) -> None:
    """It has what a wheel is made of."""
    pytest.importorskip("setuptools")
    script = f"from setuptools.build_meta import build_sdist; build_sdist({str(tmp_path)!r})"
    run(sys.executable, "-c", script, cwd=checkout)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        inside = {name.partition("/")[2] for name in files.getnames()}
    assert {f"filters/{name}.pcapfilter" for name in NAMES} | {"setup.py", "setup.cfg", "pyproject.toml"} <= inside
