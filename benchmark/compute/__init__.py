"""Tensors and devices: model, steps, collectives, batches. The home of TensorFlow."""
