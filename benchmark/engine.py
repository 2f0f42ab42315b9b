"""The tensor work: a training step, an evaluation step, a prediction, on the devices there are.

Knows devices and tensors, nothing of epochs, files or logs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmark.model import as_computed, build_unet
from benchmark.scenes import CHANNELS

ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

#: As Keras clips probabilities in its binary cross-entropy.
_CLIP = 1e-7


def resolve_precision(wanted: str) -> str:
    """``wanted``, or for auto the fastest that the devices multiply natively."""
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


def choose_strategy() -> tf.distribute.Strategy:
    """One replica per accelerator of this node; one on a node without."""
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def make_deterministic(seed: int) -> None:
    """Same seed, same machine -> the same bits. Call before any tensor exists."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


class Engine:
    """A model and its optimizer under a strategy.

    Batches are NumPy or TensorFlow arrays: inputs float32 [n, patch, patch, 9], labels uint8
    [n, patch, patch]. A global batch is shared among the replicas.
    """

    def __init__(
        self, patch: int, local_batch: int, precision: str, strategy: tf.distribute.Strategy
    ) -> None:
        self.strategy = strategy
        self.precision = precision
        self.replicas = strategy.num_replicas_in_sync
        self.global_batch = local_batch * self.replicas
        self.pixels = patch * patch
        #: GPUs that compute; 0 where the CPU does.
        self.accelerators = self.replicas if tf.config.list_physical_devices("GPU") else 0
        with strategy.scope():
            #: What is saved and loaded, and how it is computed: the same variables.
            self.model = build_unet(patch, CHANNELS, precision)
            self.network = as_computed(self.model)
            self.optimizer = keras.optimizers.Adam(**ADAM)
            self.optimizer.build(self.model.trainable_variables)
        inputs = tf.TensorSpec((None, patch, patch, CHANNELS), tf.float32)
        labels = tf.TensorSpec((None, patch, patch), tf.uint8)
        self._train = self._compile(self._train_replica, [inputs, labels])
        self._evaluate = self._compile(self._evaluate_replica, [inputs, labels])
        self._predict = self._compile(self._predict_replica, [inputs])

    def trace(self) -> None:
        """Build the graphs of all steps, so that the first step of a run waits for nothing."""
        if self.replicas == 1:
            for function in (self._train, self._evaluate, self._predict):
                function.get_concrete_function()

    def train_step(self, inputs: tf.Tensor, labels: tf.Tensor, learning_rate: float) -> tuple[float, int]:
        """Update the weights once; mean loss and correct pixels of the batch before the update."""
        self.optimizer.learning_rate.assign(learning_rate)
        loss, correct = self._run(self._train, inputs, labels)
        return float(loss) / (len(inputs) * self.pixels), int(correct)

    def evaluate_step(self, inputs: tf.Tensor, labels: tf.Tensor) -> tuple[float, int]:
        """Summed loss and correct pixels of a batch of any size."""
        loss, correct = self._run(self._evaluate, inputs, labels)
        return float(loss), int(correct)

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of cloud: float32 [n, patch, patch], n at most the global batch."""
        shares = self.strategy.experimental_local_results(self._predict(*self._share(inputs)))
        return np.concatenate([share.numpy() for share in shares])

    def save(self, path: Path) -> None:
        """Write the model as ``.keras``, aside and renamed, on disk before the call returns."""
        part = path.with_name(f".part-{path.name}")
        self.model.save(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)

    def load(self, path: Path) -> None:
        """Take the weights of a model that ``save`` wrote."""
        self.model.load_weights(path)

    def weights_digest(self) -> str:
        """sha256 of all weights in the order of the layers: equal if and only if the bits are."""
        digest = hashlib.sha256()
        for weight in self.model.get_weights():
            digest.update(np.ascontiguousarray(weight).data)
        return digest.hexdigest()

    def _share(self, *arrays: tf.Tensor | NDArray) -> tuple:
        """Each array cut into the replicas' shares, the first ones larger where it does not divide."""
        if self.replicas == 1:
            return arrays

        def part(array: tf.Tensor | NDArray) -> tf.distribute.DistributedValues:
            bounds = np.linspace(len(array), 0, self.replicas + 1).round().astype(int)[::-1]
            return self.strategy.experimental_distribute_values_from_function(
                lambda context: tf.convert_to_tensor(
                    array[
                        bounds[context.replica_id_in_sync_group] : bounds[
                            context.replica_id_in_sync_group + 1
                        ]
                    ]
                )
            )

        return tuple(part(array) for array in arrays)

    def _compile(self, step: Callable, signature: list[tf.TensorSpec]) -> Any:
        """The graph of a step of one replica, run on every replica's share at once."""
        if self.replicas == 1:
            return tf.function(step, input_signature=signature)
        return tf.function(lambda *shares: self.strategy.run(step, args=shares), reduce_retracing=True)

    def _run(self, step: Callable, *arrays: tf.Tensor) -> list[tf.Tensor]:
        """Sums over the replicas of what ``step`` returns."""
        per_replica = step(*self._share(*arrays))
        return [self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for value in per_replica]

    def _loss_and_correct(
        self, inputs: tf.Tensor, labels: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Summed binary cross-entropy and correct pixels of one replica's share."""
        probability = self.network(inputs, training=training)[..., 0]
        cloud = labels > 0
        correct = tf.math.count_nonzero(tf.equal(probability > 0.5, cloud))
        of_label = tf.where(cloud, probability, 1 - probability)
        loss = -tf.reduce_sum(tf.math.log(tf.clip_by_value(of_label, _CLIP, 1 - _CLIP)))
        return loss, correct

    def _train_replica(self, inputs: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            loss, correct = self._loss_and_correct(inputs, labels, training=True)
            mean = loss / (self.global_batch * self.pixels)
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(mean, variables), variables)
        return loss, correct

    def _evaluate_replica(self, inputs: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._loss_and_correct(inputs, labels, training=False)

    def _predict_replica(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.network(inputs, training=False)[..., 0]
