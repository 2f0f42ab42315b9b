"""The proposal to mlcommons/logging: it applies to a copy, and upstream's tools then judge as we do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from benchmark import ROOT
from compliance import registry
from compliance.benchmarks import BENCHMARKS
from compliance.checker import check_paths
from compliance.rules.profiles import SCIENCE
from compliance.selection import Selection
from compliance.subjects.folders import CheckError
from compliance.upstream.proposal import apply as applying
from compliance.upstream.proposal.apply import FOLDER, PACKAGE, apply, installed
from compliance.upstream.proposal.apply import main as apply_main
from compliance.upstream.proposal.insertions import FILES, INSERTIONS, RULESET
from compliance.upstream.proposal.try_out import SCIENCE as USAGE
from compliance.upstream.proposal.try_out import Trial, messages_of, run, try_out
from compliance.upstream.proposal.try_out import main as try_out_main
from tests.support.logs.hand_logs import edit, parsed, with_value, without_all

FOREIGN = sorted((ROOT / "tests" / "data" / "foreign").glob("*.log"))
PASSING = {"1-letter", "2-letter-and-hpc", "9-earthquake-letter", "10-stemdl-letter"}
RULE_FILES = sorted((FOLDER / f"science_{RULESET}").glob("*.yaml"))
LETTER = next(path for path in FOREIGN if path.stem == "2-letter-and-hpc").read_text()
COMMIT = "submission_github_commit_version"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the installed package with the proposal applied."""
    folder = tmp_path_factory.mktemp("proposal") / "copy"
    apply(folder)
    return folder


def judged(copy: Path, folder: Path, log: Path) -> Trial:
    """What upstream's checker says of a log."""
    return run(copy, folder, "compliance_checker", ("--usage", *USAGE[:1], "--ruleset", RULESET, str(log)))


# ---- the rule files


def entries() -> Iterator[tuple[str, dict[str, str]]]:
    for path in RULE_FILES:
        for entry in yaml.load(path.read_text(), Loader=yaml.BaseLoader):
            if "KEY" in entry:
                yield path.stem, entry["KEY"]


def test_the_rule_files_are_small_and_name_what_our_rules_name() -> None:
    lines = [line for path in RULE_FILES for line in path.read_text().splitlines()]
    assert len([line for line in lines if line and not line.startswith("#")]) <= 70
    assert {path.stem for path in RULE_FILES} == {
        *("common", "open_common"),
        *(f"open_{name}" for name in BENCHMARKS),
    }
    assert repr(list(BENCHMARKS)) in (RULE_FILES[0].parent / "open_common.yaml").read_text()
    for name, benchmark in BENCHMARKS.items():
        keys = {entry["NAME"] for file, entry in entries() if file == f"open_{name}"}
        assert all(keys & set(measure.keys) for measure in benchmark.measures), name
        assert keys <= {key for measure in benchmark.measures for key in measure.keys}, name


def test_a_log_never_names_a_rule_file_that_is_not_ours() -> None:
    calls = [entry["POST"] for _, entry in entries() if "enqueue_config" in entry.get("POST", "")]
    assert [call.strip() for call in calls] == [
        "enqueue_config('science_0.5.0/open_common.yaml')",
        "enqueue_config('science_0.5.0/open_{}.yaml'.format(v['value'])) if v['value'] in s['benchmarks'] "
        "else None",
    ]


# ---- applying


def test_the_copy_has_all_and_the_installed_package_nothing(copy: Path) -> None:
    assert all((copy / place).is_file() for place in FILES.values())
    assert not (installed() / "compliance_checker" / f"science_{RULESET}").exists()
    for insertion in INSERTIONS:
        if not insertion.checkout_only:
            assert insertion.text in (copy / insertion.file).read_text()
            assert insertion.text not in (installed().parent / insertion.file).read_text()


def test_a_checkout_is_copied_with_all_that_it_has(tmp_path: Path) -> None:
    checkout = tmp_path / "logging"
    shutil.copytree(installed(), checkout / PACKAGE)
    for name in ("setup.py", ".git/HEAD"):
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text("")
    for insertion in INSERTIONS:
        if insertion.checkout_only:
            with (checkout / insertion.file).open("a") as file:
                file.write(insertion.anchor)
    changed = apply(tmp_path / "copy", checkout)
    assert set(changed) == {insertion.file for insertion in INSERTIONS}
    assert (tmp_path / "copy" / ".git" / "HEAD").exists()
    summarizer = yaml.safe_load((tmp_path / "copy" / PACKAGE / "result_summarizer/config.yaml").read_text())
    assert list(summarizer["science"][RULESET]) == [*BENCHMARKS, "default"]


def test_an_anchor_that_is_missing_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    package = shutil.copytree(installed(), tmp_path / PACKAGE)
    meta = package / "benchmark_meta.py"
    meta.write_text(meta.read_text().replace("'hpc' : {", "'hpc': {"))
    with pytest.raises(CheckError) as caught:
        apply(tmp_path / "copy", package)
    assert caught.value.where == str(meta)
    assert caught.value.found == "\"'hpc' : {\" 0 times"
    assert caught.value.expected == "\"'hpc' : {\" once, as in mlperf_logging 4.1.59 to 4.1.68"
    assert caught.value.remedy.startswith("look where '# at least so many")
    assert not (tmp_path / "copy").exists()
    meta.unlink()
    with pytest.raises(CheckError, match=r"no mlperf_logging/benchmark_meta.py"):
        apply(tmp_path / "copy", package)
    shutil.copy(installed() / "benchmark_meta.py", meta)
    (package / "repo_checker" / "repo_checker.py").unlink()
    with pytest.raises(CheckError, match="no such file"):
        apply(tmp_path / "copy", package)


def test_the_proposal_is_applied_to_a_new_copy_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert apply_main([str(installed().parent)]) == 2
    assert "applied to a copy only" in capsys.readouterr().err
    with pytest.raises(CheckError, match="a folder within"):
        apply(installed() / "copy")
    with pytest.raises(CheckError, match="a folder that is new or empty"):
        apply(Path(__file__))
    monkeypatch.setattr(applying.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CheckError, match="it is not installed"):
        apply(tmp_path / "copy")


# ---- the verdicts


@pytest.mark.parametrize("log", FOREIGN, ids=lambda path: path.stem)
def test_upstream_judges_the_logs_of_other_programs_as_our_profile_does(
    log: Path, copy: Path, tmp_path: Path
) -> None:
    trial = judged(copy, tmp_path, log)
    ours = check_paths([log], Selection().rule_sets()).exit_code
    assert not trial.broken
    assert (trial.status, ours) == ((0, 0) if log.stem in PASSING else (1, 1))
    assert bool(messages_of(trial)) == bool(trial.status)


def test_the_messages_say_key_test_and_value(copy: Path, tmp_path: Path) -> None:
    log = next(path for path in FOREIGN if path.stem == "3-stfc-reference")
    messages = messages_of(judged(copy, tmp_path, log))
    assert messages[:3] == [
        "CHECK for 'submission_division' failed in line 3: failed test:  v['value'] == 'open' (`SciML`)",
        "Required AT_LEAST_ONE occurrence of 'result' but found 0",
        "CHECK for 'submission_benchmark' failed in line 1: failed test:  v['value'] in s['benchmarks'] "
        "(`CloudMask`)",
    ]
    assert len(messages) == 5


def last_line_again(text: str, key: str, value: object) -> str:
    """The log with another event of a key, with this value, at its end."""
    line = next(line for line in text.splitlines(keepends=True) if f'"key": "{key}"' in line)
    return text + with_value(line, key, value)


#: Changes of a log that conforms, each judged by both.
CHANGED = {
    **{f"no {key}": without_all(LETTER, key) for key in ("submission_org", "submission_division", "result")},
    **{f"no {key}": without_all(LETTER, key) for key in (COMMIT, "submission_platform", "run_stop")},
    **{f"no {key}": without_all(LETTER, key) for key in ("submission_status", "submission_benchmark")},
    "no version": without_all(without_all(LETTER, "submissiom_version"), "submission_version"),
    "no metadata": edit(LETTER, "run_stop", lambda fields: fields.update(metadata={})),
    "aborted": edit(LETTER, "run_stop", lambda fields: fields["metadata"].update(status="aborted")),
    "repeated": last_line_again(LETTER, "submission_org", "Another"),
    "restated": LETTER + LETTER.splitlines(keepends=True)[1],
    **{
        f"{key} {value}": with_value(LETTER, key, value)
        for key, value in [
            *[("submission_benchmark", value) for value in ("uno", "UNO", "resnet", "../../x")],
            *[("submission_division", value) for value in ("closed", "Open", "SciML", "../../x")],
            *[(COMMIT, value) for value in ("TBD", "7c1e04b", "7c1e04", "7C1E04B", 7654321, None)],
            *[("result", value) for value in ({}, [1], "{}", None, {"accuracy": 0.9})],
            *[("submission_org", ""), ("submission_platform", "")],
            *[("eval_accuracy", value) for value in (1.7, -1, "0.9", 0, 1)],
        ]
    },
}


#: Prints upstream's verdict on each log, all in one process.
JUDGE = """
import sys
from mlperf_logging.compliance_checker import mlp_compliance
for log in sys.argv[1:]:
    checker = mlp_compliance.make_checker("science", "0.5.0", quiet=False, werror=False)
    print(mlp_compliance.main(log, "science_0.5.0/common.yaml", checker)[0])
"""


def test_upstream_judges_changed_logs_as_our_profile_does(copy: Path, tmp_path: Path) -> None:
    logs = [tmp_path / f"{number}.txt" for number in range(len(CHANGED))]
    for log, text in zip(logs, CHANGED.values(), strict=True):
        log.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", JUDGE, *map(str, logs)],
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = dict(zip(CHANGED, (line == "True" for line in done.stdout.splitlines()), strict=True))
    ours = {
        change: not any(finding.severity == "error" for finding in registry.run("log", parsed(text), rules))
        for rules in [Selection().rules(SCIENCE)]
        for change, text in CHANGED.items()
    }
    assert theirs == ours
    assert 5 <= sum(ours.values()) <= len(ours) - 20


def test_two_versions_fail_both(copy: Path, tmp_path: Path) -> None:
    line = next(line for line in LETTER.splitlines(keepends=True) if "submissiom_version" in line)
    other = line.replace("submissiom_version", "submission_version")
    log = tmp_path / "result.txt"
    for value, status in (("mlcommons-cloudmask-v1.1", 0), ("mlcommons-cloudmask-v1.2", 1)):
        text = LETTER.replace(line, line + with_value(other, "submission_version", value))
        log.write_text(text)
        assert judged(copy, tmp_path, log).status == status
        assert check_paths([log], Selection().rule_sets()).exit_code == status


def test_only_upstream_makes_an_error_of_a_status_word(copy: Path, tmp_path: Path) -> None:
    log = tmp_path / "result.txt"
    log.write_text(with_value(LETTER, "submission_status", "success"))
    assert judged(copy, tmp_path, log).status == 1
    found = registry.run("log", parsed(log.read_text()), Selection().rules(SCIENCE))
    assert [each.severity for each in found if each.rule == "status-known"] == ["warning"]


# ---- the tools


def test_no_tool_ends_with_a_traceback_on_a_bundle_and_the_readme_says_what_each_prints(
    copy: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in bundle.rglob("*")}
    trials = list(try_out(copy, bundle, FOREIGN[:1]))
    assert {path: path.stat().st_mtime_ns for path in bundle.rglob("*")} == before
    assert [trial.tool for trial in trials if trial.broken or trial.status] == []
    rows = (FOLDER / "README.md").read_text().splitlines()
    for trial in trials:
        said = trial.last_line.replace("test-node", "SYSTEM")
        assert any(f"| {trial.tool} |" in row and f"`{said}`" in row for row in rows), (trial.tool, said)
    assert {row.split(" | ")[0].strip("| ") for row in rows if row.startswith("| ")} >= {
        trial.tool for trial in trials
    }


def test_a_trial_is_broken_by_a_traceback_a_stop_and_a_failing_test_only() -> None:
    crash = "Traceback (most recent call last):\nKeyError: 'epoch_num'\n"
    assert Trial("rcp_checker", (), 1, crash).broken
    assert Trial("rcp_checker", (), None, "").broken
    assert Trial("unittest", (), 1, "FAILED").broken
    assert not Trial("compliance_checker", (), 1, "ERROR - FAILED").broken
    assert Trial("x", (), 0, "said\n-----\nINFO - ----\n\n** Logging output also at x\n").last_line == "said"
    assert Trial("x", (), 0, "").last_line == ""


def test_the_command_fails_where_a_tool_does(
    copy: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert try_out_main([str(tmp_path), str(bundle)]) == 2
    assert "make one: python -m compliance.upstream.proposal.apply" in capsys.readouterr().err
    assert try_out_main([str(copy), str(tmp_path)]) == 2
    assert "no folder with systems/ and results/" in capsys.readouterr().err
    broken = shutil.copytree(copy, tmp_path / "broken")
    for tool in ("result_summarizer", "package_checker"):  # the first is slow to start
        (broken / PACKAGE / tool / "__main__.py").write_text("raise KeyError('a | b')\n")
    failed = next(path for path in FOREIGN if path.stem == "8-uno")
    assert try_out_main([str(broken), str(bundle), str(failed)]) == 1
    said = capsys.readouterr().out
    assert "| package_checker | organisation science 0.5.0 | 1 | KeyError: 'a \\| b' | yes |" in said
    assert f"\n{failed}\n- Required EXACTLY_ONE occurrence of 'submission_org' but found 0\n" in said
