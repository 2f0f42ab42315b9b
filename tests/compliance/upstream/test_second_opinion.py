"""Upstream's checker with our rule files: it judges as we do, and is shown only what is allowed."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from benchmark.record.events import BY_KEY, METHOD, OF_EDITION, OPTIMIZATION, OPTIMIZER_EXTRAS
from compliance import checker
from compliance.check import main
from compliance.rules import ONLY_OURS, RULE_BY_ID
from compliance.subjects.folders import CheckError
from compliance.subjects.timeline import SETTINGS
from compliance.upstream import second_opinion as module
from compliance.upstream.second_opinion import JUDGE, Opinion, ask, second_opinion, why_not_asked
from tests.compliance.rules.log.test_log_rules import BENIGN
from tests.support.defects.catalogue import SAID_TEXTS
from tests.support.defects.typed.timeline import RESUMED_WELL
from tests.support.logs.hand_logs import (
    COMPLETED,
    EARLY_STOPPED,
    TOKEN,
    event,
    findings,
    line_of,
    parsed,
    with_line,
    with_metadata,
    with_value,
    without,
)
from tests.support.logs.log_edits import as_bytes

RULE_FILES = [
    JUDGE.parent / f"science_0.5.0/{name}.yaml" for name in ("common", "open_common", "open_cloudmask")
]

#: The files of logs with a defect of which upstream's format can speak, and the defect.
BROKEN = [(as_bytes(text), defect) for text, defect in SAID_TEXTS if defect.rule not in ONLY_OURS]

#: Rules whose broken logs are not shown to upstream, and why; of all others upstream judges as we do.
OUT_OF_REACH = {
    **dict.fromkeys(
        ("line-length", "encoding", "old-token", "event-json", "duplicate-json-key", "non-finite-number"),
        "an error of parsing: upstream reads other events than we do, or ends with a traceback",
    ),
    **dict.fromkeys(
        ("event-fields", "glued-events", "text-before-token", "text-after-event"),
        "an error of parsing: upstream's parser drops what its rules would have to see",
    ),
    **dict.fromkeys(
        ("benchmark-name", "division-open", "no-events"),
        "not of our division and benchmark, on which upstream's choice of rule files depends",
    ),
    "one-run": "our own rules have not judged the second run, so that it must not reach upstream",
}
#: Broken logs that lack what the allow-list asks for: division or benchmark.
NOTHING_TO_ALLOW = re.compile("no `submission_(division|benchmark)`")


def written(folder: Path, texts: list[str | bytes]) -> list[Path]:
    """The texts as files."""
    paths = [folder / f"{number}.txt" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return paths


def has_errors(text: str | bytes) -> bool:
    return any(finding.severity == "error" for finding in findings(text))


def test_good_logs_and_their_benign_variations_pass_both(tmp_path: Path) -> None:
    texts = [COMPLETED, EARLY_STOPPED, *BENIGN.values()]
    assert [why_not_asked(parsed(text)) for text in texts] == [None] * len(texts)
    assert not any(map(has_errors, texts))
    assert ask(written(tmp_path, texts)) == [("passed", ())] * len(texts)


def test_upstream_fails_every_broken_log_that_we_fail_and_no_other(tmp_path: Path) -> None:
    shown = [each for each in BROKEN if why_not_asked(parsed(each[0])) is None]
    assert len(shown) >= 150
    answers = ask(written(tmp_path, [text for text, _ in shown]))
    assert [(defect.name, verdict) for (_, defect), (verdict, _) in zip(shown, answers, strict=True)] == [
        (defect.name, "failed" if has_errors(text) else "passed") for text, defect in shown
    ]


def test_both_pass_runs_that_went_on_after_an_interruption(tmp_path: Path) -> None:
    answers = ask(written(tmp_path, RESUMED_WELL))
    assert [verdict for verdict, _ in answers] == ["passed"] * len(RESUMED_WELL)
    assert [has_errors(text) for text in RESUMED_WELL] == [False] * len(RESUMED_WELL)


def test_every_rule_whose_broken_logs_upstream_does_not_see_is_named() -> None:
    reasons = {defect.rule: why_not_asked(parsed(text)) for text, defect in BROKEN}
    withheld = {rule for rule, why in reasons.items() if why and not NOTHING_TO_ALLOW.fullmatch(why)}
    assert withheld | {"no-events"} == set(OUT_OF_REACH)
    assert {RULE_BY_ID[rule].severity for rule in OUT_OF_REACH} == {"error"}


def test_no_value_or_metadata_makes_upstream_crash(tmp_path: Path) -> None:
    texts: list[str | bytes] = []
    for line in range(1, COMPLETED.count("\n") + 1):
        fields = event(COMPLETED, line)
        fields["value"], fields["metadata"] = [{"a": [2**60]}], {key: [{}] for key in fields["metadata"]}
        texts.append(with_line(COMPLETED, line, TOKEN + json.dumps(fields)))
    assert {verdict for verdict, _ in ask(written(tmp_path, texts))} == {"failed"}


def test_a_message_names_the_event_and_the_test_that_failed(tmp_path: Path) -> None:
    (log,) = written(tmp_path, [with_value(COMPLETED, "min_sst", 273.0)])
    message = "min_sst: CHECK for 'min_sst' failed in line 34: failed test:  v['value'] >= 273.15"
    assert second_opinion(log, ours_passes=False) == Opinion("failed", (message,), None)


def test_a_disagreement_is_described_both_ways(tmp_path: Path) -> None:
    good, bad = written(tmp_path, [COMPLETED, without(COMPLETED, "seed")])
    missing = "seed: Required EXACTLY_ONE occurrence of 'seed' but found 0"
    assert second_opinion(good, ours_passes=False) == Opinion(
        "passed", (), "upstream passes what our rules fail"
    )
    assert second_opinion(bad, ours_passes=True) == Opinion(
        "failed", (missing,), f"upstream fails what our rules pass, with 1 message: {missing}"
    )


HOSTILE = [
    (
        with_value(COMPLETED, "submission_division", "../../x"),
        "`submission_division` is `../../x`, not `open`",
    ),
    (with_value(COMPLETED, "submission_division", "Open"), "`submission_division` is `Open`, not `open`"),
    (
        with_value(COMPLETED, "submission_division", ["open"]),
        "`submission_division` is a list of 1, not `open`",
    ),
    (
        with_value(COMPLETED, "submission_benchmark", "cloudmask/../../tmp/rules"),
        "`submission_benchmark` is `cloudmask/../../tmp/rules`, not `cloudmask`",
    ),
    (
        with_value(COMPLETED, "submission_benchmark", "cloudmask\n- BEGIN:\n    CODE: raise"),
        "`submission_benchmark` is `cloudmask\\n- BEGIN:\\n    CODE: raise`, not `cloudmask`",
    ),
    (
        COMPLETED + with_value(COMPLETED, "submission_division", "/etc/x").splitlines()[2] + "\n",
        "`submission_division` is `/etc/x`, not `open`",
    ),
    (COMPLETED + COMPLETED, "a second run begins on line 180"),
    (without(COMPLETED, "submission_division"), "no `submission_division`"),
    (COMPLETED.replace(TOKEN, "rank 0: " + TOKEN), "errors of parsing: text-before-token"),
    ("[" * 100_000, "no `submission_division`"),
]


@pytest.mark.parametrize(("text", "why"), HOSTILE)
def test_a_hostile_log_is_never_shown_to_upstream(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PYTHON", (str(tmp_path / "no-such-program"),))  # asking would fail
    (log,) = written(tmp_path, [text])
    assert second_opinion(log, ours_passes=False) == Opinion("not asked", (why,), None)


def test_the_names_of_further_rule_files_are_constants_of_ours() -> None:
    calls = [call for path in RULE_FILES for call in re.findall(r"enqueue_config.*", path.read_text())]
    assert calls == [
        "enqueue_config('science_0.5.0/open_common.yaml')",
        "enqueue_config('science_0.5.0/open_cloudmask.yaml')",
    ]


def test_every_event_of_the_vocabulary_is_checked_in_exactly_one_rule_file() -> None:
    # upstream forgets what an earlier file said of a key that a later one has too
    entries = [entry for path in RULE_FILES for entry in yaml.safe_load(path.read_text())]
    keys = [entry["KEY"] for entry in entries if "KEY" in entry]
    checked = [key["NAME"] for key in keys if "CHECK" in key]
    assert sorted(checked) == sorted([*BY_KEY, "github_commit_version"])
    assert [key["NAME"] for key in keys if "CHECK" not in key] == ["init_start", "init_start"]
    assert {key["NAME"] for key in keys if "REQ" not in key and "CHECK" in key} == {
        *("submission_poc_name", "submission_poc_email", "skipped_scene", "epoch_energy", "early_stop"),
        *("run_resumed", "whole_scene_agreement", "training_margin", "experiment"),
        *("rules_edition", *OF_EDITION),
        *(*METHOD, *OPTIMIZATION, *OPTIMIZER_EXTRAS, *SETTINGS),
    }


def test_a_log_that_upstream_does_not_finish_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # upstream's pattern is quadratic in the length of a line
    (log,) = written(tmp_path, [with_metadata(COMPLETED, "seed", note="x" * 1_000_000)])
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 1.0)
    assert second_opinion(log, ours_passes=True) == Opinion("crashed", ("no answer within 1 second",), None)


def test_a_crash_of_upstream_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (log,) = written(tmp_path, [COMPLETED])
    without_rules = shutil.copy(JUDGE, tmp_path)
    monkeypatch.setattr(module, "JUDGE", without_rules)
    opinion = second_opinion(log, ours_passes=True)
    assert (opinion.verdict, opinion.disagreement) == ("crashed", None)
    assert opinion.messages[0].startswith("FileNotFoundError: ")


def test_a_process_that_fails_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (log,) = written(tmp_path, [COMPLETED])
    monkeypatch.setattr(module, "JUDGE", tmp_path / "no-such-file.py")
    opinion = second_opinion(log, ours_passes=True)
    assert (opinion.verdict, opinion.disagreement) == ("crashed", None)
    assert re.match("exit status 2: `.*can't open file", opinion.messages[0])


def test_without_upstream_there_is_an_error_that_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (log,) = written(tmp_path, [COMPLETED])
    monkeypatch.setattr(module, "PYTHON", (sys.executable, "-I", "-S"))  # no installed packages
    with pytest.raises(CheckError) as caught:
        second_opinion(log, ours_passes=True)
    assert caught.value.found == "upstream's checker cannot be imported: No module named 'mlperf_logging'"
    assert caught.value.remedy.endswith("-m pip install 'mlperf-logging>=4.1'")


def test_asking_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (log,) = written(tmp_path, [COMPLETED])
    assert second_opinion(log, ours_passes=True) == Opinion("passed", (), None)
    assert list(tmp_path.iterdir()) == [log]
    assert line_of(log.read_text(), "run_stop") == 179


def test_the_command_asks_upstream_and_counts_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "result.txt").write_text(COMPLETED)
    assert main([str(tmp_path), "--second-opinion"]) == 0
    assert ", upstream: 1 passed, by profile cloudmask - passed" in capsys.readouterr().out


def test_the_command_reports_a_disagreement_and_missing_upstream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "result.txt").write_text(COMPLETED)
    differing = Opinion("failed", ("why",), "upstream fails it: why")
    monkeypatch.setattr(checker, "second_opinion", lambda *_, **__: differing)
    assert main([str(tmp_path), "--second-opinion"]) == 0
    out = capsys.readouterr().out
    assert "warning [second-opinion]" in out
    assert "upstream fails it: why" in out

    def missing(*_: object, **__: object) -> Opinion:
        raise CheckError("upstream", found="no mlperf_logging", expected="it installed", remedy="install it")

    monkeypatch.setattr(checker, "second_opinion", missing)
    assert main([str(tmp_path), "--second-opinion"]) == 2
