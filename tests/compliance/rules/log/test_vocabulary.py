"""One vocabulary: the checker and upstream's ruleset know every word that a configuration accepts."""

from __future__ import annotations

import pytest
import yaml

from benchmark.config.schema import AUTO, Training
from benchmark.record import events
from benchmark.record.events import BASELINES, PRECISIONS, SCHEDULES, STATUSES
from compliance.upstream.second_opinion import JUDGE
from tests.support.logs.hand_logs import COMPLETED, EARLY_STOPPED, findings, with_result, with_value

#: A kind of method decides what else is in a log; tests/support/defects/general/method.py has its cases.
WORDS = {key: words for key, words in events.WORDS.items() if key != "method_kind"}
SPOKEN = [(key, word) for key, words in WORDS.items() for word in words]


def log_with(key: str) -> str:
    """A good log that states a key; some came with an edition of the rules that not every log names."""
    return COMPLETED if f'"{key}"' in COMPLETED else EARLY_STOPPED


@pytest.mark.parametrize(("key", "word"), [*SPOKEN, *(("submission_status", word) for word in STATUSES)])
def test_every_word_of_the_vocabulary_passes_in_a_log(key: str, word: str) -> None:
    text = with_value(log_with(key), key, word)
    if key == "precision":
        text = with_result(text, "precision", word)
    elif key == "data_kind":
        text = text.replace('"kind": "slstr"', f'"kind": "{word}"')
    assert [found.rule for found in findings(text) if found.severity == "error"] == []


@pytest.mark.parametrize("key", [*WORDS, "submission_status"])
def test_any_other_word_is_an_error(key: str) -> None:
    assert "error" in {found.severity for found in findings(with_value(log_with(key), key, "other"))}


@pytest.mark.parametrize("precision", [AUTO, *PRECISIONS])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_configuration_accepts_the_same_words(precision: str, schedule: str) -> None:
    assert Training(epochs=1, precision=precision, schedule=schedule).schedule == schedule


@pytest.mark.parametrize(
    ("key", "words"), [*WORDS.items(), ("submission_status", STATUSES), ("baseline_accuracy", BASELINES)]
)
def test_the_ruleset_for_upstream_knows_the_same_words(key: str, words: tuple[str, ...]) -> None:
    stated = [
        each["KEY"]
        for path in (JUDGE.parent / "science_0.5.0").glob("*.yaml")
        for each in yaml.safe_load(path.read_text())
        if "KEY" in each
    ]
    checks = " ".join(str(rule.get("CHECK")) for rule in stated if rule.get("NAME") == key)
    assert repr(words) in checks
