"""Builds name the commit of their code: wheel and sdist carry its text and the list of its files."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


def keep_commit(root: Path) -> None:
    """Write commit.txt and tree.txt into the package below ``root``, or copy those of an sdist."""
    from benchmark.record import commit, provenance

    target = root / "benchmark"
    if target.is_dir() and not provenance.keep_commit(target):
        for name in (commit.COMMIT, commit.LISTING):
            if (HERE / "benchmark" / name).exists():
                shutil.copyfile(HERE / "benchmark" / name, target / name)


class BuildWithCommit(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            keep_commit(Path(self.build_lib))


class SdistWithCommit(sdist):
    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        keep_commit(Path(base_dir))


setup(cmdclass={"build_py": BuildWithCommit, "sdist": SdistWithCommit})
