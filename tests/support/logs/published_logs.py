"""Logs published with rounds of MLPerf HPC and Training, and their check with a profile."""

from __future__ import annotations

from typing import NamedTuple

from compliance import registry
from compliance.finding import Finding
from compliance.selection import Selection
from tests.support.logs.hand_logs import LOGS, TOKEN, parsed

PUBLISHED = {path.stem: path.read_text() for path in sorted(LOGS.glob("*/*.txt"))}
DEEPCAM, COSMOFLOW = PUBLISHED["deepcam-3.0"], PUBLISHED["cosmoflow-3.0"]
OPENFOLD, OC20 = PUBLISHED["openfold-3.0"], PUBLISHED["oc20-1.0"]
#: Without process numbers before the tokens, which the helpers that edit logs cannot read.
LLAMA = PUBLISHED["llama2_70b_lora-4.1"].replace(f"0: {TOKEN}", TOKEN)


class Case(NamedTuple):
    """A log, checked with a profile."""

    profile: str
    text: str


def findings(profile: str, text: str) -> list[Finding]:
    return registry.run("log", parsed(text), Selection().rules(profile))


def published() -> dict[str, Case]:
    return {path.stem: Case(path.parent.name, PUBLISHED[path.stem]) for path in sorted(LOGS.glob("*/*.txt"))}
