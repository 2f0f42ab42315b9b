"""Tests of the Science ruleset: python -m unittest mlperf_logging.compliance_checker.test_science"""

import json
import os
import tempfile
import unittest

from mlperf_logging.compliance_checker import mlp_compliance

#: The minimum that a log must state.
EVENTS = {
    "submission_benchmark": "cloudmask",
    "submission_org": "An Institute",
    "submission_division": "open",
    "submission_version": "mlcommons-cloudmask-v1.1",
    "submission_github_commit_version": "7c1e04b95d2fa83360e1b7d84f92ac5503d6e81b",
    "submission_status": "research",
    "submission_platform": "4xA100",
    "result": {"meaning": "share of the pixels that are right", "accuracy": 0.91},
}
#: A measure of each benchmark.
MEASURES = {"cloudmask": "eval_accuracy", "earthquake": "NNSE", "stemdl": "f1", "uno": "eval_loss"}


def passes(events, metadata=None):
    """Whether a log of these events passes."""
    lines = [
        {"time_ms": 1700000000000 + n, "key": key, "value": value, "metadata": metadata or {}}
        for n, (key, value) in enumerate(events.items())
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "result_0.txt")
        with open(path, "w") as f:
            f.writelines(":::MLLOG " + json.dumps(line) + "\n" for line in lines)
        checker = mlp_compliance.make_checker("science", "0.5.0", quiet=False, werror=False)
        return mlp_compliance.main(path, "science_0.5.0/common.yaml", checker)[0]


class TestScience(unittest.TestCase):
    def test_every_benchmark_passes(self):
        for benchmark, measure in MEASURES.items():
            with self.subTest(benchmark):
                assert passes({**EVENTS, "submission_benchmark": benchmark, measure: 0.9})

    def test_a_measure_out_of_its_range_fails(self):
        for benchmark, measure in MEASURES.items():
            with self.subTest(benchmark):
                assert not passes({**EVENTS, "submission_benchmark": benchmark, measure: -0.1})

    def test_every_key_is_required(self):
        for key in EVENTS:
            with self.subTest(key):
                assert not passes({k: v for k, v in EVENTS.items() if k != key})

    def test_the_spelling_of_submit_adoc_is_a_version_too(self):
        other = {("submissiom_version" if k == "submission_version" else k): v for k, v in EVENTS.items()}
        assert passes(other)
        assert passes({**EVENTS, **other})
        assert not passes({**EVENTS, "submissiom_version": "another"})

    def test_a_value_that_is_none_fails(self):
        for key, value in {
            "submission_benchmark": "../../etc/x",
            "submission_org": "",
            "submission_division": "closed",
            "submission_version": "",
            "submission_github_commit_version": "TBD",
            "submission_status": "success",
            "submission_platform": "",
            "result": "{'accuracy': 0.91}",
        }.items():
            with self.subTest(key):
                assert not passes({**EVENTS, key: value})

    def test_a_run_that_logs_its_end_has_succeeded(self):
        assert passes({**EVENTS, "run_stop": None}, {"status": "success"})
        assert not passes({**EVENTS, "run_stop": None}, {"status": "aborted"})
        assert not passes({**EVENTS, "run_stop": None})


if __name__ == "__main__":
    unittest.main()
