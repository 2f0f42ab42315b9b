"""A method of your own. `python -m benchmark.run --method FILE` trains, scores and logs it."""

from dataclasses import dataclass

from benchmark.methods.interface import About, Network

ABOUT = About(
    title="Three convolutions",  # how tables and documents call it
    citations=(),  # publications and code that it follows, with a DOI or an address
    adapted="Everything was chosen for this example.",  # what is not the original's
)


@dataclass(frozen=True)
class Options:
    """What --set method.options.NAME=VALUE changes; a method without options has no such class."""

    filters: int = 16

    def __post_init__(self) -> None:
        if self.filters < 1:
            raise ValueError(f"filters is {self.filters}, expected at least 1")


def method(options: Options) -> Network:
    """The loss is the binary cross-entropy and the optimizer Adam, unless Network is given others."""

    def build(shape: tuple[int, int, int]):
        """(rows, columns, 9): S1..S6 as reflectance - 0.5, S7..S9 as (kelvin - 270) / 22."""
        import keras  # here, so that listing methods does not load TensorFlow
        from keras import layers

        inputs = layers.Input(shape)
        x = layers.Conv2D(options.filters, 3, padding="same", activation="relu")(inputs)
        x = layers.Conv2D(options.filters, 3, padding="same", activation="relu")(x)
        probability = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32")(x)
        return keras.Model(inputs, probability)

    return Network(build)
    # For NumPy instead: return Fitted(fit, predict); see benchmark/methods/thresholds.py.
