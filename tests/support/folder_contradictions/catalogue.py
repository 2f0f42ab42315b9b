"""Every contradiction that is planted in the folder of a run."""

from __future__ import annotations

from tests.support.folder_contradictions.contradiction import Contradiction
from tests.support.folder_contradictions.learned import masks, weights
from tests.support.folder_contradictions.logged import config, files, jobs
from tests.support.folder_contradictions.node import measured, telemetry
from tests.support.folder_contradictions.tables import metrics, timers

CONTRADICTIONS: tuple[Contradiction, ...] = (
    *metrics(),
    *timers(),
    *telemetry(),
    *measured(),
    *config(),
    *weights(),
    *masks(),
    *jobs(),
    *files(),
)
