"""A git checkout that stands in for this one, and git commands at a fixed time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    """Call git at a fixed time: checkouts made twice have the same commit, so their logs are the same."""
    command = ["git", "-C", str(folder), *arguments]
    times = {f"GIT_{who}_DATE": "2026-11-24T06:00:00Z" for who in ("AUTHOR", "COMMITTER")}
    done = subprocess.run(command, env={**os.environ, **times}, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def make_checkout(folder: Path) -> str:
    """Make a small git repository that stands in for this one; return its commit."""
    (folder / "benchmark").mkdir(parents=True)
    (folder / "LICENSE").write_text("Apache License, Version 2.0\n")
    (folder / "README.md").write_text("# Code\n")
    (folder / "requirements.lock").write_text("# none\n")
    (folder / "benchmark" / "run.py").write_text("print('run')\n")
    (folder / "start.sh").write_text("#!/bin/sh\n")
    (folder / "start.sh").chmod(0o755)
    (folder / ".gitignore").write_text("/data/\n/logs/\n/dist/\n")
    return commit_everything(folder)


def commit_everything(folder: Path) -> str:
    """Turn a folder into a git repository; return the commit of all its files."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "Ada Reviewer")
    git(folder, "config", "user.email", "ada@cloudlab-nyu.org")
    git(folder, "config", "commit.gpgsign", "false")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "The code")
    return git(folder, "rev-parse", "HEAD")
