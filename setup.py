"""What setup.cfg cannot say: the folder filters/ is installed as part of the package (see cbpf/library/folders.py)."""

from __future__ import annotations

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["cbpf", "cbpf.*"]), "cbpf.filters"],
    package_dir={"cbpf.filters": "filters"},
)
