"""The batch file of a run as it goes into a bundle: what Slurm was told, without the submitter's folders."""

from __future__ import annotations

import re
import shlex

#: Where a folder stands in the script (benchmark/sweep/templates/job.slurm.j2), and what stands for it.
_FOLDERS = (
    (r"^experiment=(.+)$", "/EXPERIMENT"),
    (r"^cd (.+)$", "/CHECKOUT"),
    (r"^export PYTHONPATH=(.+?)\$\{", "/CODE"),
    (r"--stage-dir (.+?)(?: \\)?$", "/STAGING"),
    (r"(\S+|'[^']+') -m benchmark\.run\b", "/PYTHON"),
    (r"\bapptainer exec (.+) \\$", "/IMAGE"),
)

#: Slurm quotes paths in its own way.
_OUTPUT = r"^(#SBATCH --output=).*(output/[^/\"]+)\"?$"


def redact_folders(script: str) -> str:
    """The script with a word in capitals for each absolute folder of its own; all else stays.

    Folders may hold the name of a user, and mean nothing on another machine.
    """
    names: dict[str, str] = {}
    for pattern, name in _FOLDERS:
        if match := re.search(pattern, script, re.MULTILINE):
            try:
                words = shlex.split(match[1])
            except ValueError:  # an open quote: nobody's folder
                continue
            if words and words[-1].startswith("/"):  # of the words of apptainer the image is the last
                names.setdefault(words[-1].rstrip("/"), name)
    for folder in sorted(names, key=len, reverse=True):
        for written in (shlex.quote(folder), folder):
            script = script.replace(written, names[folder])
    return re.sub(_OUTPUT, r"\1/EXPERIMENT/\2", script, flags=re.MULTILINE)
