"""All paths of a submission tree. The checker knows those that the rules name (compliance/subjects).

A bundle holds both layouts that the rules require, in one folder of the organisation:

    MANIFEST.sha256
    <org>/systems/<system>.json                                      G
    <org>/benchmarks/cloudmask/implementations/<implementation>/     G  the code
    <org>/benchmarks/cloudmask/implementations/<system>/             G  notes, README, scripts, licences,
                                                                        text and files of the commit
    <org>/results/<system>/cloudmask/result_<i>.txt                  G  from 0
    <org>/cloudmask/<system>/<descriptor>/                           S  the experiment
        README.md, config.yaml, bundle.json, scripts; the method's source if it is the submitter's file;
        DEMONSTRATION.md if the scenes are synthetic
        scientific_contribution.md, the same as .pdf under two names
        report.html
        ro-crate-metadata.json, croissant-task.jsonld: the same for catalogues
        figures/<name>.png, <name>.pdf, small figures of scenes as <name>.webp
        result-<n>.txt                                               S  from 1
        runs/<n>/system.json, metrics.csv, timers.txt, telemetry.csv, weights.npz, job.slurm

S = science/submit.adoc 'Directory Structure', G = policies/submission_rules.adoc
'Directory structure', Training.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.errors import SubmissionError
from benchmark.record.code.commit import COMMIT, LISTING
from compliance.subjects.tree import DEMONSTRATION

BENCHMARK = "cloudmask"
#: Name of the code's folder (G: names of implementations may be arbitrary).
IMPLEMENTATION = "tensorflow"

MANIFEST = "MANIFEST.sha256"
SETUP, INIT_DATASETS, RUN_AND_TIME = "setup.sh", "init_datasets.sh", "run_and_time.sh"
SCRIPTS = (SETUP, INIT_DATASETS, RUN_AND_TIME)
CONFIG = "config.yaml"
#: The configuration that the scripts pass to the program: the parameters of config.yaml in its format.
RUN_CONFIG = "run_config.yaml"
README = "README.md"
#: How the bundle was made.
PROVENANCE = "bundle.json"
CONTRIBUTION = "scientific_contribution.md"
#: S misspells the name as in the second; the first is the intended spelling.
CONTRIBUTION_PDFS = ("scientific_contribution.pdf", "sientific_contribution.pdf")
REPORT = "report.html"
#: Files for catalogues: the name that RO-Crate prescribes, and a Croissant Task.
CRATE, TASK = "ro-crate-metadata.json", "croissant-task.jsonld"
FIGURES = "figures"


def directory_name(name: str) -> str:
    """Turn a name into the name of a folder: ASCII letters and digits, words joined by ``-``.

    Accents are dropped. Raises SubmissionError if nothing is left.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    folder = re.sub(r"[^A-Za-z0-9_.]+", "-", plain).strip("-.")
    if not folder:
        raise SubmissionError(
            repr(name),
            found="no Latin letter or digit to name a folder with",
            expected="a name that can be written in ASCII",
            remedy="make the runs with a Latin spelling: --set submission.org=NAME",
        )
    return folder


@dataclass(frozen=True)
class BundleName:
    """Identifies a bundle: organisation, system and experiment, each as the name of a folder."""

    org: str
    system: str
    descriptor: str
    #: Whether the runs used synthetic scenes, so that the bundle is not a submission.
    demonstration: bool = False

    @property
    def folder(self) -> str:
        """Name of the bundle's folder and, with .tar.gz, of its archive."""
        name = f"{self.org}-{BENCHMARK}-{self.system}-{self.descriptor}"
        return f"demonstration-{name}" if self.demonstration else name


@dataclass(frozen=True)
class BundleLayout:
    """The paths of one bundle below ``root``."""

    root: Path
    name: BundleName

    @property
    def manifest(self) -> Path:
        return self.root / MANIFEST

    @property
    def system_description(self) -> Path:
        return self.root / self.name.org / "systems" / f"{self.name.system}.json"

    @property
    def code(self) -> Path:
        """The git-tracked files of the commit that ran."""
        return self._implementations / IMPLEMENTATION

    @property
    def general(self) -> Path:
        """The folder of what ran on the system, as G requires."""
        return self._implementations / self.name.system

    @property
    def commit_text(self) -> Path:
        """The text of the commit that ran."""
        return self.general / COMMIT

    @property
    def commit_listing(self) -> Path:
        """The list of the commit's files."""
        return self.general / LISTING

    @property
    def implementation_notes(self) -> Path:
        return self.general / f"{self.name.system}_{IMPLEMENTATION}.json"

    @property
    def science(self) -> Path:
        """The folder of the experiment, as S requires."""
        return self.root / self.name.org / BENCHMARK / self.name.system / self.name.descriptor

    @property
    def script_folders(self) -> tuple[Path, Path]:
        """The folders that contain the scripts: one in each layout."""
        return self.science, self.general

    @property
    def contribution(self) -> Path:
        return self.science / CONTRIBUTION

    @property
    def contribution_pdfs(self) -> tuple[Path, ...]:
        """The typeset contribution: the same file under both names that the rules use."""
        return tuple(self.science / name for name in CONTRIBUTION_PDFS)

    @property
    def demonstration(self) -> Path:
        """The file that marks a demonstration as such."""
        return self.science / DEMONSTRATION

    @property
    def report(self) -> Path:
        """The contribution as a page, with curves and scenes to explore."""
        return self.science / REPORT

    @property
    def crate(self) -> Path:
        """The experiment's folder as an RO-Crate."""
        return self.science / CRATE

    @property
    def task(self) -> Path:
        """Problem, solution and evaluation as a Croissant Task."""
        return self.science / TASK

    @property
    def provenance(self) -> Path:
        """How the bundle was made."""
        return self.science / PROVENANCE

    @property
    def figures(self) -> Path:
        """The contribution's figures."""
        return self.science / FIGURES

    def results(self, n: int) -> tuple[Path, Path]:
        """The two paths of the log of run ``n``, counted from 1."""
        general = self.root / self.name.org / "results" / self.name.system / BENCHMARK
        return self.science / f"result-{n}.txt", general / f"result_{n - 1}.txt"

    def run(self, n: int) -> Path:
        """The folder of the other files of run ``n`` that a reviewer needs."""
        return self.science / "runs" / str(n)

    def outline(self, runs: int) -> str:
        """Outline the bundle in a few lines, for people."""
        logs = f"result_0.txt to result_{runs - 1}.txt" if runs > 1 else "result_0.txt"
        return "\n".join(
            (
                f"{self.name.folder}/",
                f"  {MANIFEST}",
                f"  {self.name.org}/",
                f"    systems/{self.name.system}.json",
                f"    benchmarks/{BENCHMARK}/implementations/{IMPLEMENTATION}/  (code)",
                f"    benchmarks/{BENCHMARK}/implementations/{self.name.system}/  (scripts)",
                f"    results/{self.name.system}/{BENCHMARK}/{logs}",
                f"    {BENCHMARK}/{self.name.system}/{self.name.descriptor}/  "
                f"(experiment, {CONTRIBUTION_PDFS[0]})",
            )
        )

    @property
    def _implementations(self) -> Path:
        return self.root / self.name.org / "benchmarks" / BENCHMARK / "implementations"
