"""The checker's findings, word for word, for some defects in the logs typed by hand."""

from __future__ import annotations

from benchmark.record.events import BY_KEY
from tests.support.defects.defect import Said
from tests.support.logs.hand_logs import EARLY_STOPPED

#: Name of the defect -> finding.
SAID: dict[str, Said] = {
    **{
        f"missing: {key}": Said(None, f"no event `{key}`", f"`{key}`: {BY_KEY[key].meaning}")
        for key in (
            "submission_benchmark",
            "submission_org",
            "submission_division",
            "submission_github_commit_version",
            "submission_status",
            "submission_platform",
            "cache_clear",
            "seed",
            "data_kind",
            "epochs",
            "opt_adam_epsilon",
            "quality_target",
            "train_samples",
            "eval_samples",
            "test_samples",
            "test_accuracy",
            "result",
        )
    },
    "encoding: byte order mark": Said(1, "the bytes EF BB BF at the start of the file"),
    "lines: CR LF": Said(None, "179 lines with CR LF"),
    "lines: no last line feed": Said(179, "the file ends without a line feed"),
    "lines: two events on one": Said(13, "event 2 begins at column 169"),
    "lines: none": Said(None, "no event in 0 lines (0 bytes)"),
    "number: NaN": Said(47, "NaN"),
    "number: 1e999": Said(47, "value of `train_loss` is a number (inf)"),
    "repeated: submission_org": Said(3, "`submission_org` again; first on line 2"),
    "missing: submission_poc_email": Said(None, "no `submission_poc_email`"),
    "value: cache_clear null": Said(11, "`cache_clear` is null", "boolean"),
    "repeated: init_start": Said(13, "`init_start` again; first on line 12"),
    "value: init_start {}": Said(12, "`init_start` is an object of 0", "null"),
    "repeated: seed": Said(14, "`seed` again; first on line 13"),
    "value: seed true": Said(13, "`seed` is a boolean (true)", "integer"),
    "missing: init_stop": Said(12, "`init_start` without `init_stop`"),
    "repeated: init_stop": Said(40, "`init_stop` again; first on line 39"),
    "missing: run_start": Said(178, "`run_stop` without `run_start`"),
    "repeated: run_start": Said(41, "`run_start` again; first on line 40"),
    "kind: run_start": Said(40, "`run_start` is INTERVAL_END", "INTERVAL_START"),
    "missing: staging_start": Said(41, "`staging_stop` without `staging_start`"),
    "repeated: staging_stop": Said(43, "`staging_stop` again; first on line 42"),
    "repeated: test_samples": Said(46, "`test_samples` again; first on line 45"),
    "repeated: train_loss": Said(54, "epoch 1: `train_loss` 2 times"),
    "repeated: test_accuracy": Said(172, "`test_accuracy` again; first on line 171"),
    "missing: baseline_accuracy": Said(175, "no `majority`"),
    "repeated: result": Said(179, "`result` again; first on line 178"),
    "missing: run_stop": Said(178, "the log ends after `result`"),
    "metadata: no status of run_stop": Said(179, "`run_stop` without `status`"),
    "missing: both versions": Said(None, "neither of the two events"),
    "order: baselines_stop before baselines_start": Said(
        173, "`baselines_stop` before `baselines_start` on line 174"
    ),
    "order: inference ends in the baselines": Said(
        176, "`inference_stop` before `baselines_stop`, whose interval began inside"
    ),
    "order: run_start after staging": Said(
        40, "before `run_start`: `staging_start` and `staging_stop`", also=("result-timing",)
    ),
    "order: staging before the clock": Said(40, "before `run_start`: `staging_start`"),
    "order: submission_org before run_start": Said(
        39, "`submission_org` after `init_stop` on line 38", "`submission_org` before `init_start`"
    ),
    "order: test_accuracy before scene_accuracy": Said(
        71,
        "`test_accuracy` before `scene_accuracy` on line 72",
        "`test_accuracy` after `scene_accuracy` and before `inference_stop`",
    ),
    "order: train_loss after its epoch": Said(48, "epoch 1: `epoch_stop` before `train_loss` on line 49"),
    "order: an epoch in the evaluation of another": Said(53, "epoch 2 begins before `eval_stop` on line 54"),
    "epochs: more than stated": Said(62, "3 epochs", "at most 2"),
    "epochs: epoch_energy of another epoch": Said(75, "epoch 1: again", log=EARLY_STOPPED),
    "time: in seconds": Said(1, "1732428000, which is in seconds; 179 such times"),
    "time: in microseconds": Said(1, "1732428000000000, which is in microseconds; 179 such times"),
    "time: in nanoseconds": Said(1, "1732428000000000000, which is in nanoseconds; 179 such times"),
    "run: appended": Said(180, "a second run begins with `submission_benchmark`"),
    "run: appended from run_start": Said(180, "a second run begins with `run_start`"),
    "run: killed in init, then repeated": Said(
        14, "a second run begins with `submission_benchmark`", also=("run-stop",)
    ),
    "run: seed after its stop": Said(180, "1 event: `seed`"),
    "parameter: seed -1": Said(13, "`seed` -1", "at least 0"),
    "parameter: number_of_nodes 0": Said(16, "`number_of_nodes` 0", "at least 1"),
    "parameter: epochs 0": Said(22, "`epochs` 0", "at least 1"),
    "parameter: early_stopping_patience 0": Said(23, "`early_stopping_patience` 0", "at least 1"),
    "parameter: opt_base_learning_rate 0": Said(25, "`opt_base_learning_rate` 0", "above 0"),
    "parameter: crop_size 81": Said(34, "`crop_size` 81", "an even number, at least 0"),
    "parameter: min_sst 273.0": Said(35, "`min_sst` 273.0", "at least 273.15 (kelvin)"),
    "parameter: train_split 1.0": Said(36, "`train_split` 1.0", "above 0 and below 1"),
    "parameter: data_kind `real`": Said(
        14, "`data_kind` `real`", "slstr or synthetic", also=("result-data",)
    ),
    "parameter: opt_name ` `": Said(24, "`opt_name` is blank", "the optimizer's name"),
    "parameter: micro_batch_size 0": Said(22, "`micro_batch_size` 0", "at least 1", log=EARLY_STOPPED),
    "parameter: tensor_parallelism 0": Said(38, "`tensor_parallelism` 0", "at least 1", log=EARLY_STOPPED),
    "parameter: another batch_size by the policy's name": Said(
        21, "`batch_size` 32", "16, as `global_batch_size` says", log=EARLY_STOPPED
    ),
    "parameter: another learning_rate by the policy's name": Said(
        28, "`learning_rate` 0.002", "0.001, as `opt_base_learning_rate` says", log=EARLY_STOPPED
    ),
    "parameter: another opt_base_learning_rate": Said(
        28, "`learning_rate` 0.001", "0.002, as `opt_base_learning_rate` says", log=EARLY_STOPPED
    ),
    "parameter: a crop as large as a patch": Said(34, "crop 256 of patch 256"),
    "parameter: another patch size": Said(33, "128", also=("eval-pixels", "scene-patches", "train-pixels")),
    "parameter: config_digest `9b74c989`": Said(15, "`9b74c989`"),
    "parameter: cache not cleared": Said(11, "false, by `posix_fadvise DONTNEED on 8 files`"),
    "identity: organisation ``": Said(2, "`submission_org` is ``: blank"),
    "identity: organisation `TODO`": Said(2, "`submission_org` is `TODO`: the word `todo`"),
    "identity: submission_benchmark `CloudMask`": Said(1, "`CloudMask`"),
    "identity: submission_division `closed`": Said(3, "`closed`"),
    "identity: submission_status `success`": Said(7, "`success`"),
    "identity: submission_github_commit_version `3f2a9c0`": Said(6, "`3f2a9c0`"),
    "identity: submission_github_commit_version `unknown`": Said(6, "`unknown`"),
    "identity: the commit's other key": Said(6, "`github_commit_version`"),
    "identity: the shipped organisation": Said(2, "`cloudmask-benchmark`, as the configurations are shipped"),
    "identity: edition `science policy 0.4`": Said(
        1, "`science policy 0.4, training rules 5.0`", log=EARLY_STOPPED
    ),
    "identity: data_location tmpfs": Said(11, "training on tmpfs", log=EARLY_STOPPED),
    "identity: data_location of inference ramfs": Said(11, "inference on ramfs", log=EARLY_STOPPED),
    "identity: uncommitted changes": Said(6, "dirty true: uncommitted changes"),
    "identity: no contact": Said(None, "no `submission_poc_name` and no `submission_poc_email`"),
    "counts: train_accuracy of no pixels": Said(48, "`train_accuracy` with 0 correct of 0 pixels"),
    "counts: baseline_accuracy of more correct than there are": Said(
        174, "`baseline_accuracy` with 180000001 correct of 180000000 pixels"
    ),
    "loss: train_loss negative": Said(47, "`train_loss` -0.25"),
    "pixels: half an epoch": Said(
        48, "2621440 pixels: 40 patches and 0 pixels", "80 patches of 256 x 256 pixels"
    ),
    "whole_scene_agreement: of fewer pixels": Said(
        101, "1800000 pixels", "3600000 pixels", log=EARLY_STOPPED
    ),
    "whole_scene_agreement: no time": Said(101, "seconds 0", "above 0", log=EARLY_STOPPED),
    "scenes: one twice": Said(
        72, "`S3A_SL_1_RBT____20191001T000021_20191001T000321_20191002T043…` again; first on line 71"
    ),
    "scenes: one fewer than there are": Said(45, "99 inference scenes", "100"),
    "scenes: one of inference left out": Said(
        42,
        "`S3A_SL_1_RBT____20181001T000021_20191001T000321_20191002T043…` left out: `bayes is missing`",
        "every inference scene, repaired or fetched again",
    ),
    "scenes: observed, named `cloudy.hdf`": Said(
        71, "a scene `cloudy`", "the name of a product, S3A_SL_1_RBT____..."
    ),
    "stopping: too late": Said(
        91, "epoch 4 was trained", "the end after epoch 3, 1 epoch after the best, 2", log=EARLY_STOPPED
    ),
    "result: another epochs_run": Said(178, "`epochs_run` 4", "3, the epochs of the log"),
    "result: target_reached negated": Said(178, "`target_reached` false", "true, as 0.93 against 0.9"),
    "result: beats_baselines negated": Said(178, "`beats_baselines` false", "true, as 0.93 against 0.85"),
    'result: format "cloudmask-result-9"': Said(
        178,
        "`format` `cloudmask-result-9`",
        "cloudmask-result-2 or cloudmask-result-1",
        also=("result-fields",),
    ),
    'result: meaning " "': Said(178, "`meaning` is blank", "a sentence"),
    'result: weights_sha256 "1f40fc92"': Said(178, "`weights_sha256` `1f40fc92`"),
    "result: timing null": Said(178, "`result.timing` is null", "an object"),
    "result: no best_epoch": Said(178, "no `result.best_epoch`", "an integer"),
    "result: truth of observed scenes": Said(
        178, "`scores.truth` of observed scenes", "none: no true mask is known"
    ),
    "parameter: synthetic data as observed": Said(
        107,
        "`scores.truth` of observed scenes",
        "none: no true mask is known",
        also=("scene-patches", "test-set"),
        log=EARLY_STOPPED,
    ),
    "parameter: synthetic data": Said(14, "data_kind synthetic"),
    # ---- tests/support/contradictions
    "loss and accuracy: a training loss too low": Said(
        47, "`train_loss` 0.01 with accuracy 0.8125", "from 0.128666 to 3.62118"
    ),
    "epochs: one again": Said(59, "epoch 2: the losses of epoch 1"),
    "digest: weights_sha256 zeros": Said(178, f"`weights_sha256` `{'0' * 60}…`"),
    "masks: one without a digest": Said(71, "1 scene of 100 without one"),
    "masks: of another scene": Said(
        72, "the mask of `S3A_SL_1_RBT____20191001T000021_20191001T000321_20191002T043…`"
    ),
    "scenes: pixels of another": Said(98, "1801000 pixels", "1799000 pixels, as 1 scene", log=EARLY_STOPPED),
    "scenes: a patch more of one": Said(42, "101 patches of 5 scenes", "as many of each"),
    "skipped: and scored": Said(
        42, "`S3A_SL_1_RBT____20191001T000021_20191001T000321_20191002T043…`, which was scored"
    ),
    "masks: others against truth without borders": Said(
        107,
        "`scores.truth.without_borders`: 1936000 pixels called cloud",
        "1935000, as against bayes",
        log=EARLY_STOPPED,
    ),
    "parts: more hits by day": Said(
        178, "`scores.bayes`: true_positive 100833000 by day and night", "100832000 in all"
    ),
    "labels: of another majority": Said(
        174, "majority: 106836000 of 180000000 pixels", "106835000 (cloud) or 73165000 (clear)"
    ),
    "whole scenes: as the masks, but for the label": Said(
        101,
        "0 pixels from the masks and 315000 from the label, which the masks miss by 324000",
        log=EARLY_STOPPED,
    ),
    "clock: three hours before it starts": Said(40, "180.0 minutes after `init_stop`"),
    "clock: an hour before epoch_start 0": Said(46, "60.0 minutes from `staging_stop` to `epoch_start`"),
    "clock: an hour in an epoch": Said(
        57, "3614.6 s from `epoch_start` to `epoch_stop`", "about 14.681 s, as most epochs"
    ),
    "rate: of scenes alone": Said(
        178,
        "`timing.seconds_per_scene`: 5811 patches in 0.000 s, 5.5e+17 operations a second",
        "at most 2e+15 of 1 node without any, in mixed_bfloat16",
    ),
    "rate: of evaluations alone": Said(49, "183.512 ms a patch in training, 3060.950 ms in evaluation"),
    "reference: other weights": Said(178, "`parameters` 1000000", "1948609"),
    "schedule: only warm-up": Said(29, "61 steps", "at most 30: 3 epochs of 10"),
    "experiment: seeds without the run's": Said(13, "seed 1", "one of `201 202 203`"),
}
