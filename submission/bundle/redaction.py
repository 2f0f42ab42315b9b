"""Redact a run's batch file for the bundle: keep what Slurm was told, drop the submitter's folders."""

from __future__ import annotations

import re
import shlex

#: Where folders occur in the script (benchmark/sweep/templates/job.slurm.j2), and their replacements.
_FOLDERS = (
    (r"^experiment=(.+)$", "/EXPERIMENT"),
    (r"^cd (.+)$", "/CHECKOUT"),
    (r"^export PYTHONPATH=(.+?)\$\{", "/CODE"),
    (r"--stage-dir (.+?)(?: \\)?$", "/STAGING"),
    (r"(\S+|'[^']+') -m benchmark\.run\b", "/PYTHON"),
    (r"\bapptainer exec (.+) \\$", "/IMAGE"),
)

#: Paths that Slurm quotes differently.
_OUTPUT = r"^(#SBATCH --output=).*(output/[^/\"]+)\"?$"


def redact_folders(script: str) -> str:
    """Replace each absolute folder in the script with a word in capitals; change nothing else.

    Folders may contain a user's name, and mean nothing on another machine.
    """
    names: dict[str, str] = {}
    for pattern, name in _FOLDERS:
        if match := re.search(pattern, script, re.MULTILINE):
            try:
                words = shlex.split(match[1])
            except ValueError:  # an unclosed quote: not a folder
                continue
            if words and words[-1].startswith("/"):  # apptainer's last word is the image
                names.setdefault(words[-1].rstrip("/"), name)
    for folder in sorted(names, key=len, reverse=True):
        for written in (shlex.quote(folder), folder):
            script = script.replace(written, names[folder])
    return re.sub(_OUTPUT, r"\1/EXPERIMENT/\2", script, flags=re.MULTILINE)
