"""The work of each of several workers in a test: twenty steps, a prediction, and two agreements.

The network is small, but has all that workers share: statistics and dropout of the global batch.
"""

from __future__ import annotations

from benchmark.compute.cluster import find_cluster
from benchmark.compute.collectives import share_of
from benchmark.compute.engine import Engine, choose_strategy, make_deterministic
from benchmark.methods.loading import load_method
from tests.benchmark.compute.test_unet_and_engine import batch
from tests.support.project import ROOT

cluster = find_cluster()
make_deterministic(1)
network = load_method(str(ROOT / "tests/data/regularised.py"), {}).network
engine = Engine(network, 16, 12 // cluster.size, "float32", choose_strategy(cluster), cluster)
assert engine.global_batch == 12
losses = []
for step in range(20):
    inputs, labels = batch(12, seed=step, patch=16)
    mine = slice(*share_of(12, *cluster.share))
    losses.append(engine.train_step(inputs[mine], labels[mine], 0.01)[0])
inputs, labels = batch(5, seed=99, patch=16)
mine = slice(*share_of(5, *cluster.share))
predicted = engine.predict(inputs)
assert predicted.shape == (5, 16, 16)
engine.workers.barrier()
assert engine.workers.agree(7, 3)
assert engine.workers.agree(19, 4 + cluster.index) == (cluster.size == 1)
print([*losses, *engine.evaluate_step(inputs[mine], labels[mine])[:2], float(predicted.astype("f8").sum())])
