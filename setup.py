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


def bake_commit(root: Path) -> None:
    """Write commit.txt and tree.txt into the package below ``root``, or copy those of an sdist."""
    from benchmark.record.code.provenance import BAKED, keep_commit

    target, of_sdist = root / "benchmark" / BAKED, HERE / "benchmark" / BAKED
    if target.parent.is_dir() and not keep_commit(target) and of_sdist.is_dir():
        shutil.copytree(of_sdist, target, dirs_exist_ok=True)


class BuildWithCommit(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            bake_commit(Path(self.build_lib))


class SdistWithCommit(sdist):
    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        bake_commit(Path(base_dir))


setup(cmdclass={"build_py": BuildWithCommit, "sdist": SdistWithCommit})
