"""The good logs in which defects are planted, and the findings that they have anyway."""

from __future__ import annotations

from tests.support.defects.general.method import with_optimizer
from tests.support.logs.hand_logs import LOGS, findings
from tests.support.logs.log_edits import as_bytes, as_text

#: The good logs stored with the tests: typed by hand, or from real runs.
KEPT = {path.stem: as_text(path.read_bytes()) for path in sorted(LOGS.glob("*.txt"))}
#: Logs that state their method and other optimizers; only for defects that do not fit the other logs.
OTHER = {
    "adamw": with_optimizer(KEPT["completed"], "adamw", 0.9, 0.999, 1e-7, 0.004, opt_amsgrad=True),
    "sgd": with_optimizer(KEPT["completed"], "sgd", 0.9, opt_sgd_nesterov=True, opt_weight_decay=1e-4),
}
GOOD = {**KEPT, **OTHER}


def rules_of(text: str) -> set[str]:
    return {finding.rule for finding in findings(as_bytes(text))}


#: Rules with findings in the good logs: warnings and notes.
USUAL = {name: rules_of(text) for name, text in GOOD.items()}
