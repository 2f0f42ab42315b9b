"""Methods without a network: what all of them promise; thresholds and the Bayesian classifier by hand."""

from __future__ import annotations

import functools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark import ROOT
from benchmark.methods import bayes, fmask, quantities, thresholds
from benchmark.methods.interface import Example
from benchmark.scenes.scene import LARGEST
from benchmark.scenes.scores import Confusion, confusion
from benchmark.synthesis.file import FIRST_INFERENCE_INDEX
from benchmark.synthesis.scene import make_scene

SHAPE = (120, 150)
METHODS = {
    "fitted": thresholds.method(thresholds.Options()),
    "extended": thresholds.method(thresholds.Options(extended=True)),
    "published": thresholds.method(thresholds.Options(constants="published")),
    "bayes": bayes.method(bayes.Options()),
    "fmask2012": fmask.method(fmask.Options(edition=2012)),
    "fmask2015": fmask.method(fmask.Options(edition=2015)),
}
of_every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
#: Clear sky over land by day: S1 to S6, and kelvin.
CLEAR_REFS, CLEAR_BTS = (0.05, 0.05, 0.25, 0.002, 0.2, 0.1), (295.0, 290.0, 289.0)


def normalised(refs, bts):
    return np.concatenate([refs - 0.5, (bts - 270) / 22], axis=-1).astype(np.float32)


def uniform(refs=CLEAR_REFS, bts=CLEAR_BTS, shape=(30, 40)):
    """The same pixel everywhere, as reflectances [R, C, 6] and kelvin [R, C, 3]."""
    return np.tile(np.float32(refs), (*shape, 1)), np.tile(np.float32(bts), (*shape, 1))


def example(index, shape=SHAPE):
    scene = make_scene(7, index, shape)
    return Example(normalised(scene.refs, scene.bts), scene.bayes[..., 0] > 0, scene.bts[..., 1] > 0)


@pytest.fixture(scope="module")
def training():
    return [example(index) for index in range(12)]


@pytest.fixture(scope="module")
def inference():
    return [example(FIRST_INFERENCE_INDEX + index) for index in range(6)]


def assert_probability(found, shape):
    assert found.dtype == np.float32
    assert found.shape == shape
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1


# ---- what all of them promise


def test_importing_them_loads_no_tensorflow():
    names = ", ".join(f"benchmark.methods.{name}" for name in ("thresholds", "bayes", "fmask"))
    code = f"import sys, {names}; assert not {{'tensorflow', 'keras'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@of_every_method
def test_the_same_images_in_any_order_give_the_same_tables(method, training):
    first, second = method.fit(training, 1), method.fit(training[::-1], 2)
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])
    predictions = [method.predict(training[0].inputs, tables) for tables in (first, first, second)]
    assert all((each == predictions[0]).all() for each in predictions)


@of_every_method
@pytest.mark.parametrize("shape", [(1, 1), (37, 41), (301, 40)])
def test_a_night_without_reflectances_is_finite_at_any_size(method, training, shape):
    refs, bts = uniform(refs=(0,) * 6, shape=shape)
    bts -= np.linspace(0, 60, shape[0], dtype=np.float32)[:, None, None]
    assert_probability(method.predict(normalised(refs, bts), method.fit(training, 1)), shape)


@of_every_method
@pytest.mark.parametrize("label", [True, False])
def test_training_images_of_one_class_give_finite_predictions(method, training, inference, label):
    tables = method.fit([each._replace(cloud=np.full(SHAPE, label)) for each in training], 1)
    for image in inference:
        assert_probability(method.predict(image.inputs, tables), SHAPE)


@of_every_method
def test_without_any_pixel_to_fit_on_predictions_are_finite(method, training, inference):
    tables = method.fit([each._replace(inside=np.zeros(SHAPE, bool)) for each in training], 1)
    assert_probability(method.predict(inference[0].inputs, tables), SHAPE)


@of_every_method
@pytest.mark.parametrize("overcast", [True, False])
def test_a_scene_that_is_all_cloud_or_all_clear_is_finite(method, training, overcast):
    cloud = {"refs": (0.8, 0.8, 0.8, 0.3, 0.5, 0.4), "bts": (240, 230, 229)} if overcast else {}
    found = method.predict(normalised(*uniform(**cloud)), method.fit(training, 1))
    assert_probability(found, (30, 40))


@of_every_method
@pytest.mark.parametrize("fill", [0, np.nan])
def test_fill_is_no_cloud_and_changes_nothing_elsewhere(method, training, fill):
    refs, bts = uniform()
    tables = method.fit(training, 1)
    expected = method.predict(normalised(refs, bts), tables)
    refs[:, :9], bts[:, :9] = fill, fill
    found = method.predict(np.nan_to_num(normalised(refs, bts), nan=0), tables)
    assert not found[:, :9].any()
    np.testing.assert_array_equal(found[:, 9:], expected[:, 9:])


@pytest.mark.parametrize("name", ["fitted", "extended", "published", "bayes"])
def test_on_scenes_of_day_and_night_each_beats_the_majority_class(name, training, inference):
    counts = scored(METHODS[name], training, inference)
    cloudy = counts.true_positive + counts.false_negative
    assert counts.correct > max(cloudy, counts.pixels - cloudy)


@pytest.mark.parametrize("name", ["fmask2012", "fmask2015"])
def test_by_day_fmask_has_skill(name, training, inference):
    """Its constants are those of another sensor, so that little can be asked of it."""
    skill = scored(METHODS[name], training, inference[::2]).scores()["kuiper_skill"]
    assert skill is not None
    assert skill > 0


def scored(method, training, inference):
    tables = method.fit(training, 1)
    counts = [
        confusion(method.predict(image.inputs, tables) > 0.5, image.cloud, image.inside)
        for image in inference
    ]
    return sum(counts, Confusion())


@pytest.mark.parametrize("method", [METHODS["published"], METHODS["fmask2015"]])
def test_published_constants_are_the_same_whatever_the_images(method, training):
    first, second = method.fit(training, 1), method.fit([], 2)
    assert all(np.array_equal(values, second[name]) for name, values in first.items())


@pytest.mark.parametrize(
    ("options", "values"),
    [
        (thresholds.Options, {"constants": "best"}),
        (thresholds.Options, {"constants": "published", "extended": True}),
        (bayes.Options, {"prior": 0.0}),
        (bayes.Options, {"prior": 1.0}),
        (bayes.Options, {"prior": math.nan}),
        (fmask.Options, {"edition": 2014}),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(options, values):
    with pytest.raises(ValueError, match=r"\w+ is .*[;,] \w+"):
        options(**values)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 12), st.sampled_from([1.0, 10.0, LARGEST]))
def test_whatever_a_scene_may_hold_gives_probabilities(seed, rows, columns, largest):
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-largest, largest, (rows, columns, 9)).astype(np.float32)
    inputs[rng.random((rows, columns)) < 0.2] = 0
    for name in ("published", "bayes", "fmask2012", "fmask2015"):
        assert_probability(METHODS[name].predict(inputs, unfitted(name)), (rows, columns))


@functools.cache
def unfitted(name):
    return METHODS[name].fit([], 1)


# ---- physical quantities


def test_normalised_inputs_and_the_file_give_the_same_quantities(training):
    scene = make_scene(7, 0, SHAPE)
    refs, bts = quantities.physical(training[0].inputs)
    np.testing.assert_allclose(refs, scene.refs, atol=1e-6)
    np.testing.assert_allclose(bts, scene.bts, atol=1e-4)
    measured = quantities.is_measured(bts)
    np.testing.assert_array_equal(measured, quantities.is_measured(scene.bts))
    np.testing.assert_array_equal((refs > 0).any(axis=-1), (scene.refs > 0).any(axis=-1))
    for compute in (thresholds.statistics, bayes.quantities):
        raw, found = compute(scene.refs, scene.bts, measured), compute(refs, bts, measured)
        for name, values in raw.items():
            bright = (scene.refs[..., 1:3] > 0.01).all(axis=-1) & measured
            np.testing.assert_allclose(found[name][bright], values[bright], atol=2e-3, rtol=1e-3)


def test_texture_leaves_out_what_was_not_measured():
    t11 = np.full((3, 4), 290, np.float32)
    t11[1, 1], t11[:, 3] = 281, 0
    measured = t11 > 0
    found = quantities.local_deviation(t11, measured)
    # nine pixels, one of them 9 K colder: mean -1, mean square 9; at column 2 three of nine are fill
    assert found[1, 1] == pytest.approx(math.sqrt(9 - 1))
    assert found[1, 2] == pytest.approx(math.sqrt(81 / 6 - 1.5**2))


def test_the_warm_reference_is_that_of_the_block():
    temperature = np.full((600, 300), 280, np.float32)
    temperature[:300, :30] = 300  # 10 % of the upper block
    temperature[300:, :5] = 300  # 1.7 % of the lower
    temperature[:, 299] = 0
    reference = quantities.warm_reference(temperature, temperature > 0)
    assert (reference[:300] == 300).all()
    assert (reference[300:] == 280).all()
    assert (quantities.warm_reference(temperature, temperature < 0) == temperature).all()


# ---- thresholds


def test_statistics_by_hand():
    refs, bts = uniform(refs=(0.1, 0.4, 0.3, 0.01, 0.35, 0.1), bts=(288, 285, 281))
    bts[0] -= 11
    found = thresholds.statistics(refs, bts, np.ones(refs.shape[:2], bool))
    assert found["gross"][0, 0] == 11
    assert found["gross"][9, 9] == 0
    assert found["visible"][9, 9] == np.float32(0.4)
    assert found["ratio"][9, 9] == pytest.approx(-1)  # 0.75, the lower end of the window
    assert found["cirrus"][9, 9] == pytest.approx(4 - (1.30 + 3.06) / 2)
    assert (found["fog"][9, 9], found["high"][9, 9]) == (-3, 7)
    refs[..., 2] = 0.64
    assert thresholds.statistics(refs, bts, bts[..., 0] > 0)["ratio"][9, 9] == pytest.approx(-1)  # 1.6


@pytest.mark.parametrize(
    ("change_refs", "change_bts"),
    [
        ({}, (-11, -11, -11)),  # gross, and coherence around it
        ({}, (-0.9, -0.9, -0.9)),  # coherence alone: sd 0.28 K
        ({1: 0.5, 2: 0.9}, (0, 0, 0)),  # visible: ratio 1.8
        ({1: 0.2, 2: 0.2}, (0, 0, 0)),  # ratio
        ({}, (0, 0, -3.0)),  # cirrus: T11 - T12 of 4 K, clear 3.06
    ],
)
def test_each_test_of_the_day_finds_its_cloud(change_refs, change_bts):
    tables = METHODS["published"].fit([], 1)
    refs, bts = uniform()
    assert not METHODS["published"].predict(normalised(refs, bts), tables).any()
    for channel, value in change_refs.items():
        refs[5, 5, channel] = value
    bts[5, 5] += change_bts
    assert METHODS["published"].predict(normalised(refs, bts), tables)[5, 5] == 1


@pytest.mark.parametrize(
    ("bts", "cloud"),
    [((290, 290, 289), 0), ((288, 290, 289), 1), ((291, 290, 289), 1), ((290, 290, 286), 1)],
    ids=["clear", "fog", "high", "cirrus"],
)
def test_each_test_of_the_night_finds_its_cloud(bts, cloud):
    refs, bts = uniform(refs=(0,) * 6, bts=bts)
    found = METHODS["published"].predict(normalised(refs, bts), METHODS["published"].fit([], 1))
    assert (found == cloud).all()


def test_a_period_without_pixels_keeps_the_published_thresholds(training):
    tables = METHODS["fitted"].fit(training[::2], 1)  # day alone
    published = METHODS["published"].fit([], 1)
    np.testing.assert_array_equal(tables["night"], published["night"])
    assert (tables["day"] != published["day"]).any()


def test_a_useless_test_stays_off_and_a_perfect_one_is_found():
    rng = np.random.default_rng(0)
    perfect = rng.normal(size=2000).astype(np.float32)
    useless = np.zeros(2000, np.float32)
    cut = np.quantile(perfect, 0.7).astype(np.float32)
    found = thresholds.best_thresholds(np.stack([useless, perfect]), perfect > cut)
    np.testing.assert_array_equal(found, np.array([np.inf, cut], np.float32))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 300))
def test_one_threshold_is_the_best_of_all_quantiles(seed, n):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n).round(1).astype(np.float32)
    cloud = (values > 0.3) ^ (rng.random(n) < 0.3)
    grid = np.quantile(values, np.linspace(0, 1, thresholds.QUANTILES + 1)).astype(np.float32)
    best = max(np.count_nonzero((values > edge) == cloud) for edge in (*grid, np.inf))
    (found,) = thresholds.best_thresholds(values[None], cloud)
    assert np.count_nonzero((values > found) == cloud) == best


# ---- bayes


def test_a_density_is_smooth_nowhere_empty_and_sums_to_one():
    counts = np.zeros((20, 15), np.int64)
    counts[10, 7], counts[0, 0] = 3, 1
    found = bayes.density(counts)
    assert found.sum() == pytest.approx(1)
    weights = np.exp(-0.5 * np.arange(-3, 4) ** 2)
    weights /= weights.sum()
    floor = bayes.FLOOR / counts.size
    assert found[10, 7] == pytest.approx((1 - bayes.FLOOR) * 0.75 * weights[3] ** 2 + floor)
    assert found[19, 14] == pytest.approx(floor)
    np.testing.assert_allclose(bayes.density(np.zeros((4, 5), np.int64)), 1 / 20)


def test_values_beyond_an_axis_count_as_its_ends():
    axis = bayes.Axis("cold", -5, 60, 26)  # bins of 2.5 K
    values = np.array([-1e9, -5, -2.6, 0, 59.9, 60, 1e9], np.float32)
    assert axis.cells(values).tolist() == [0, 0, 0, 2, 25, 25, 25]


def test_the_posterior_is_bayes_rule():
    tables = bayes.fit([], prior=0.2)
    inputs = normalised(*uniform())
    np.testing.assert_allclose(bayes.predict(inputs, tables), 0.2, rtol=1e-6)  # no evidence
    tables["day_spectrum"][:] = math.log(3)
    tables["day_cirrus"][:] = math.log(2)
    np.testing.assert_allclose(bayes.predict(inputs, tables), 0.6, rtol=1e-6)  # odds 1 to 4, times 6
    night = bayes.predict(normalised(*uniform(refs=(0,) * 6)), tables)
    np.testing.assert_allclose(night, 0.2, rtol=1e-6)


def test_the_prior_is_the_training_fraction_or_the_option(training):
    prior_log_odds = bayes.fit(training)["prior_log_odds"]
    for period, odds in enumerate(prior_log_odds):
        images = training[period::2]
        cloudy = sum(np.count_nonzero(each.cloud & each.inside) for each in images)
        pixels = sum(np.count_nonzero(each.inside) for each in images)
        assert 1 / (1 + math.exp(-odds)) == pytest.approx(cloudy / pixels, abs=1e-4)
    assert bayes.fit(training, prior=0.9)["prior_log_odds"].tolist() == [math.log(0.9 / (1 - 0.9))] * 2
