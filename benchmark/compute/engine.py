"""The tensor work: a training step, an evaluation step, a prediction, on the available devices.

Knows devices and tensors, but not epochs or logs. One code path serves one device, the GPUs of a node and the
workers of several nodes (collectives.py): a worker passes its own share of a batch, and the results of a step
are summed over all workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmark.compute.cluster import SINGLE_WORKER, Cluster
from benchmark.compute.collectives import Workers, share_of
from benchmark.compute.trainable import TrainableMethod, compiled_by_xla, no_network, refuse_logits, summary
from benchmark.core.errors import RunError
from benchmark.core.files import write_aside
from benchmark.scenes.geometry import kept
from benchmark.scenes.scene import CHANNELS


def resolve_precision(wanted: str) -> str:
    """Return ``wanted``, or for auto the fastest precision that the devices multiply natively."""
    if wanted != "auto":
        return wanted
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capabilities = (tf.config.experimental.get_device_details(gpu)["compute_capability"] for gpu in gpus)
        native = all(capability >= (8, 0) for capability in capabilities)
    else:
        cpuinfo = Path("/proc/cpuinfo")
        flags = cpuinfo.read_text() if cpuinfo.exists() else ""
        native = "avx512_bf16" in flags or "amx_bf16" in flags
    return "mixed_bfloat16" if native else "float32"


def require_promised(promise: str | None) -> None:
    """Refuse to compute on the CPU if accelerators were promised. Raises RunError."""
    if promise and not tf.config.list_physical_devices("GPU"):
        raise RunError(
            "accelerators",
            found=f"none that TensorFlow {tf.__version__} can use, although {promise}",
            expected="the accelerators that this run was given: hours on a CPU are not what was asked for",
            remedy="install CUDA's libraries (docs/training.md, GPU; AMD's GPUs are not supported), or set "
            "CUDA_VISIBLE_DEVICES= (empty) for the CPU",
        )


def accelerator_names() -> str:
    """Return this worker's accelerators by count and name: ``2 x Tesla V100-SXM2-32GB``; empty on a CPU."""
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    names = Counter(each.get("device_name", "unknown") for each in details)
    return ", ".join(f"{count} x {name}" for name, count in names.items())


def choose_strategy(cluster: Cluster = SINGLE_WORKER) -> tf.distribute.Strategy:
    """Use one replica per accelerator of every worker, or one on a worker without accelerators."""
    if cluster.size > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()  # finds the workers in TF_CONFIG
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def make_deterministic(seed: int) -> None:
    """Same seed, same machine -> the same bits. Call before creating any tensor."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


class Evaluated(NamedTuple):
    """One evaluation batch: summed loss, correct pixels, sum and sum of squares of the probabilities."""

    loss: float
    correct: int
    sum: float
    squares: float
    #: Whether any worker passed ``stop``.
    stop: bool


class Engine:
    """A network and its optimizer under a strategy, on one worker of a cluster.

    Batches are NumPy or TensorFlow arrays: inputs float32 [n, patch, patch, 9], labels uint8
    [n, patch, patch]. Every worker takes the same steps, each with its share of the batch. Predictions leave
    out the outer ``crop`` / 2 pixels of each patch.
    """

    def __init__(
        self,
        method: TrainableMethod,
        patch: int,
        local_batch: int,
        precision: str,
        strategy: tf.distribute.Strategy,
        cluster: Cluster = SINGLE_WORKER,
        *,
        crop: int = 0,
        xla: bool = False,
    ) -> None:
        self.strategy = strategy
        self.workers = Workers(strategy, cluster)
        self.precision = precision
        self.replicas = strategy.num_replicas_in_sync
        self.global_batch = local_batch * self.replicas
        self.pixels = patch * patch
        #: Pixels of a patch that count in training.
        self.trained_pixels = (patch - 2 * method.margin) ** 2
        #: Number of GPUs that this worker uses; 0 if it uses the CPU.
        self.accelerators = self.workers.local_replicas if tf.config.list_physical_devices("GPU") else 0
        #: Where to prepare batches: this worker's only GPU, or None if it has several or none.
        self.device = tf.config.list_logical_devices("GPU")[0].name if self.accelerators == 1 else None
        self._method = method
        self._crop = crop
        self._xla = xla
        self._whole: dict[tuple[int, int], Callable] = {}
        with strategy.scope():
            #: The model to save and load, and the network that computes it: they share their variables.
            self.model = self._build((patch, patch, CHANNELS))
            self.network = method.optimised(self.model, None, xla) if method.optimised else self.model
            #: How inference computes it: without the discarded pixels, if the method supports that.
            self.inner = method.inner(self.model, crop, xla) if crop and method.inner else self.network
            self.optimizer = method.optimizer()
            self._optimizer_facts = {**self.optimizer.get_config(), "name": type(self.optimizer).__name__}
            if precision == "mixed_float16":  # gradients of few pixels would underflow
                self.optimizer = keras.optimizers.LossScaleOptimizer(self.optimizer)
            self.optimizer.build(self.model.trainable_variables)
        inputs = tf.TensorSpec((None, patch, patch, CHANNELS), tf.float32)
        labels = tf.TensorSpec((None, patch, patch), tf.uint8)
        stop = tf.TensorSpec((), tf.bool)
        self._train = self._compile(self._train_replica, [inputs, labels, stop])
        self._evaluate = self._compile(self._evaluate_replica, [inputs, labels, stop])
        self._predict = self._compile(self._predict_replica, [inputs])

    def trace(self) -> None:
        """Build the graphs of all steps, so that the first step of a run does not wait for them."""
        if self.replicas > 1:
            return
        shape = self.model.input_shape[1:]
        expected = [size - self._crop for size in shape[:2]]
        try:
            found = self._predict.get_concrete_function().structured_outputs.shape.as_list()
            if found[1:] == expected:
                self._train.get_concrete_function()
                self._evaluate.get_concrete_function()
        except Exception as error:
            raise no_network(shape, summary(error)) from error
        if found[1:] != expected:
            raise no_network(shape, f"probabilities of shape {found}")
        refuse_logits(self._predict, shape)

    def train_step(
        self, inputs: tf.Tensor, labels: tf.Tensor, learning_rate: float, stop: bool = False
    ) -> tuple[float, int, bool]:
        """Update the weights once with a full global batch.

        Returns the batch's mean loss and correct pixels before the update, and whether a worker passed
        ``stop``.
        """
        self.optimizer.learning_rate.assign(learning_rate)
        loss, correct, stopping = self._sums(self._train, inputs, labels, stop)
        return loss / (self.global_batch * self.trained_pixels), int(correct), stopping > 0

    def evaluate_step(self, inputs: tf.Tensor, labels: tf.Tensor, stop: bool = False) -> Evaluated:
        """Evaluate the network on a batch of any size."""
        loss, correct, total, squares, stopping = self._sums(self._evaluate, inputs, labels, stop)
        return Evaluated(loss, int(correct), total, squares, stopping > 0)

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict cloud probabilities: float32 [n, patch - crop, patch - crop], n at most the global batch.

        Every worker passes the same patches, predicts its share of them, and receives all.
        """
        cluster = self.workers.cluster
        first, last = share_of(len(inputs), *cluster.share)
        with self.workers.answers_from_all():
            results = self._predict(*self._share(inputs[first:last]))
            shares = [share.numpy() for share in self.strategy.experimental_local_results(results)]
            predicted = shares[0] if len(shares) == 1 else np.concatenate(shares)
            return predicted if cluster.size == 1 else self.workers.gather(predicted, len(inputs))

    def predict_whole(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict a scene in one piece on this worker: float32 [R, C, 9] -> probability of cloud [R, C]."""
        rows, columns, _ = inputs.shape
        multiple = self._method.multiple
        padded = np.pad(inputs, [(0, -rows % multiple), (0, -columns % multiple), (0, 0)])
        shape = padded.shape[:2]
        if shape not in self._whole:
            if self._method.optimised:
                network = self._method.optimised(self.model, shape, self._xla)
            else:
                network = self._build((*shape, CHANNELS))
                network.set_weights(self.model.get_weights())
            self._whole[shape] = tf.function(
                lambda images: self._method.head(network(images, training=False))[0]
            )
        return self._whole[shape](padded[None]).numpy()[:rows, :columns]

    @property
    def parameters(self) -> int:
        """Return the number of weights of the model, including moving statistics."""
        return self.model.count_params()

    @property
    def optimizer_facts(self) -> dict[str, Any]:
        """Return the optimizer's name and settings, as Keras states them."""
        return self._optimizer_facts

    def tensors(self) -> list[NDArray]:
        """Return all variables of model and optimizer, for a checkpoint."""
        return [np.asarray(variable) for variable in self._variables()]

    def restore(self, tensors: Sequence[NDArray]) -> None:
        """Restore what ``tensors`` returned. Raises RunError if it comes from another model."""
        variables = self._variables()
        shapes = [(tuple(variable.shape), np.dtype(variable.dtype)) for variable in variables]
        if shapes != [(values.shape, values.dtype) for values in tensors]:
            raise RunError(
                "checkpoint",
                found=f"{len(tensors)} tensors of another model, optimizer or precision",
                expected=f"the {len(variables)} of this configuration",
                remedy="resume with the configuration of the run, or start again without --resume",
            )
        for variable, values in zip(variables, tensors, strict=True):
            variable.assign(values)

    def save(self, path: Path) -> None:
        """Write the model as ``.keras``, aside and renamed; it is on disk when the call returns."""
        with write_aside(path, durable=True) as part:
            self.model.save(part)

    def load(self, path: Path) -> None:
        """Load the weights of a model that ``save`` wrote."""
        self.model.load_weights(path)
        self._whole.clear()

    def take(self, weights: Sequence[NDArray]) -> None:
        """Set the weights, in layer order. Raises RunError for those of another network."""
        shapes = [values.shape for values in self.model.get_weights()]
        if shapes != [values.shape for values in weights]:
            raise RunError(
                "weights",
                found=f"{len(weights)} arrays of another network",
                expected=f"the {len(shapes)} of this one",
                remedy="use the configuration and the method of the run that they are from",
            )
        self.model.set_weights(list(weights))
        self._whole.clear()

    @property
    def weights(self) -> list[NDArray]:
        """Return the model's weights in layer order."""
        return self.model.get_weights()

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.optimizer.variables]

    def _share(self, *arrays: tf.Tensor | NDArray) -> tuple:
        """Cut each array into the shares of this worker's replicas."""
        if self.replicas == 1:
            return arrays
        replicas = self.workers.local_replicas

        def part(array: tf.Tensor | NDArray) -> Any:
            bounds = [share_of(len(array), i, replicas) for i in range(replicas)]
            return self.workers.per_replica(lambda i: tf.convert_to_tensor(array[slice(*bounds[i])]))

        return tuple(part(array) for array in arrays)

    def _compile(self, step: Callable, signature: list[tf.TensorSpec]) -> Any:
        """Compile one replica's step, run on all replicas' shares at once."""
        if self.replicas == 1:
            return tf.function(step, input_signature=signature, jit_compile=self._xla or None)
        compiled = tf.function(step, jit_compile=True, reduce_retracing=True) if self._xla else step
        return tf.function(lambda *shares: self.strategy.run(compiled, args=shares), reduce_retracing=True)

    def _sums(self, step: Callable, inputs: tf.Tensor, labels: tf.Tensor, stop: bool) -> list[float]:
        """Return the results of ``step``, summed over all replicas."""
        with self.workers.answers_from_all(), compiled_by_xla():
            per_replica = step(*self._share(inputs, labels), tf.constant(stop))
            if self.replicas > 1:
                per_replica = self.strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None)
            return per_replica.numpy().tolist()

    def _build(self, shape: tuple[int, int, int]) -> keras.Model:
        """Build the method's model for images of a shape, in this run's precision. Raises MethodError."""
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            model = self._method.build(shape)
        except Exception as error:
            raise no_network(shape, summary(error)) from error
        finally:
            keras.config.set_dtype_policy(policy)
        if not isinstance(model, keras.Model):
            raise no_network(shape, type(model).__name__)
        if len(model.output_shape) != 4 or tuple(model.output_shape[1:3]) != shape[:2]:
            raise no_network(shape, f"a model with outputs of shape {list(model.output_shape)}")
        return model

    def _loss_and_correct(
        self, inputs: tf.Tensor, labels: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return the summed loss, correct pixels and probabilities of one replica's share."""
        outputs = self.network(inputs, training=training)
        margin = self._method.margin
        if training and margin:
            outputs, labels = (kept(values, 2 * margin) for values in (outputs, labels))
        probability = self._method.head(outputs)
        cloud = labels > 0
        correct = tf.math.count_nonzero(tf.equal(probability > 0.5, cloud))
        return self._method.loss(outputs, cloud), correct, probability

    def _train_replica(self, inputs: tf.Tensor, labels: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss, correct, _ = self._loss_and_correct(inputs, labels, training=True)
            mean = loss / (self.global_batch * self.trained_pixels)
            penalties = self.model.losses  # of the weights, equal on every replica
            if penalties:
                mean += tf.add_n(penalties) / self.replicas
            if self.precision == "mixed_float16":
                mean = self.optimizer.scale_loss(mean)
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(mean, variables), variables)
        return _stack_sums(loss, correct, stop)

    def _evaluate_replica(self, inputs: tf.Tensor, labels: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        loss, correct, probability = self._loss_and_correct(inputs, labels, training=False)
        exact = tf.cast(probability, tf.float64)
        return _stack_sums(loss, correct, tf.reduce_sum(exact), tf.reduce_sum(exact * exact), stop)

    def _predict_replica(self, inputs: tf.Tensor) -> tf.Tensor:
        outputs = self.inner(inputs, training=False)
        if self._crop and self.inner is self.network:
            outputs = kept(outputs, self._crop)
        return self._method.head(outputs)


def _stack_sums(*values: tf.Tensor) -> tf.Tensor:
    """Stack sums so that replicas exchange them at once; float64 holds pixel counts exactly."""
    return tf.stack([tf.cast(value, tf.float64) for value in values])
