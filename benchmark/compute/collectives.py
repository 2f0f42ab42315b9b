"""Joint operations of a run's workers: share a batch, sum, gather, agree, wait for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmark.compute.cluster import Cluster
from benchmark.core.errors import RunError


@dataclass(frozen=True)
class Workers:
    """All workers of a cluster under a strategy, as seen by one of them.

    Every worker must make the same calls in the same order. Raises RunError if another worker is gone.
    """

    strategy: tf.distribute.Strategy
    cluster: Cluster

    @property
    def local_replicas(self) -> int:
        """Return the number of replicas of this worker."""
        return self.strategy.num_replicas_in_sync // self.cluster.size

    def per_replica(self, values: Callable[[int], Any]) -> Any:
        """Return ``values(i)`` for each replica i of this worker."""
        first = self.cluster.index * self.local_replicas
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: values(context.replica_id_in_sync_group - first)
        )

    def gather(self, part: NDArray, count: int) -> NDArray:
        """Gather ``count`` rows from the workers' shares: each adds its own to zeros, which is exact."""
        first, last = share_of(count, *self.cluster.share)
        rows = np.zeros((count, *part.shape[1:]), part.dtype)
        rows[first:last] = part
        return self._sum(rows)

    def agree(self, *numbers: int) -> bool:
        """Whether all workers pass the same numbers, each below 2**53."""
        if self.cluster.size == 1:
            return True
        with self.answers_from_all():
            return rows_are_equal(self._sum(own_row(numbers, *self.cluster.share)))

    def barrier(self) -> None:
        """Wait until all workers have called this."""
        if self.cluster.size > 1:
            with self.answers_from_all():
                self._sum(np.zeros(1))

    @contextmanager
    def answers_from_all(self) -> Iterator[None]:
        """Raise a RunError that says a worker is gone if TensorFlow's collectives fail."""
        try:
            yield
        except tf.errors.OpError as error:
            if self.cluster.size == 1:
                raise
            raise RunError(
                f"worker {self.cluster.index} of {self.cluster.size}",
                found=f"no answer from another worker ({type(error).__name__})",
                expected="all workers to take part in every step",
                remedy="see why the other worker ended, then start all of them again with --resume",
            ) from error

    def _sum(self, values: NDArray) -> NDArray:
        """Return the sum of one array from each worker."""
        zeros = np.zeros_like(values)
        mine = self.per_replica(lambda i: tf.convert_to_tensor(zeros if i else values))
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, mine, axis=None).numpy()


def share_of(count: int, index: int, size: int) -> tuple[int, int]:
    """Return the first and one past the last of ``count`` items that part ``index`` of ``size`` takes.

    Parts are contiguous and differ by at most one item.
    """
    bounds = [-(-count * i // size) for i in (index, index + 1)]
    return bounds[0], bounds[1]


def own_row(numbers: tuple[int, ...], index: int, size: int) -> NDArray[np.float64]:
    """Return [size, n]: the numbers of worker ``index`` in its row, zeros in all other rows."""
    rows = np.zeros((size, len(numbers)))
    rows[index] = numbers
    return rows


def rows_are_equal(rows: NDArray[np.float64]) -> bool:
    """Whether every worker's row equals the first."""
    return bool((rows == rows[0]).all())
