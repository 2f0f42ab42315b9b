"""A small network with everything whose state has to survive: statistics, dropout, penalties, a margin."""

from benchmark.methods.interface import About, Network

ABOUT = About(title="A regularised network", citations=(), adapted="Made for tests.")


def method() -> Network:
    def build(shape: tuple[int, int, int]):
        import keras
        from keras import layers

        from benchmark.compute.layers import Dropout, batch_norm

        inputs = layers.Input(shape)
        x = layers.Conv2D(8, 3, padding="same", activation="relu", kernel_regularizer="l2")(inputs)
        x = batch_norm(momentum=0.7)(x)
        x = Dropout(0.3)(x)
        x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
        return keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid", dtype="float32")(x))

    def optimizer():
        import keras

        return keras.optimizers.SGD(momentum=0.9)

    return Network(build, optimizer=optimizer, margin=4)
