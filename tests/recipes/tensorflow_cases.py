# SPDX-License-Identifier: Apache-2.0
"""Small Keras models, exported as the recipes say:
tensorflow_cases.py FOLDER"""

import pathlib
import sys
import warnings

import numpy as np

import recipe_case
from recipe_case import pictures, write_case

recipe_case.quiet("tensorflow")
import tensorflow as tf  # noqa: E402

ROWS = 24
layers = tf.keras.layers


def channels_last(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    images, labels = pictures(rows, seed)
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)), labels


def convolutional_net() -> tf.keras.Model:
    """With a residual and a depthwise part, trained on the toy pictures."""
    side = recipe_case.SIDE
    image = tf.keras.Input((side, side, 3), name="image")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(image)
    x = layers.BatchNormalization(momentum=0.8)(x)
    x = layers.ReLU(6.0)(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same")(x)
    x = layers.ReLU()(x)
    y = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = layers.Add()([x, y])
    x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(recipe_case.CLASSES)(x)
    model = tf.keras.Model(image, x)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    images, labels = channels_last(2048, seed=100)
    model.fit(images, labels, epochs=3, batch_size=32, verbose=0)
    return model


def approximate_gelu(x):
    return tf.keras.activations.gelu(x, approximate=True)


def perceptron() -> tf.keras.Model:
    return tf.keras.Sequential(
        [
            tf.keras.Input((8,), name="features"),
            layers.Dense(32, activation="relu"),
            layers.LayerNormalization(),
            # tf2onnx writes the exact one as Erfc, which ONNX does not have.
            layers.Dense(16, activation=approximate_gelu),
            layers.Dense(3, activation="softmax"),
        ]
    )


def recurrent_net() -> tf.keras.Model:
    return tf.keras.Sequential(
        [
            tf.keras.Input((10, 12), name="series"),
            layers.LSTM(16, return_sequences=True),
            layers.Bidirectional(layers.LSTM(8)),
            layers.Dense(4),
        ]
    )


def gated_net() -> tf.keras.Model:
    """tf2onnx leaves a GRU as the loop that Keras runs."""
    return tf.keras.Sequential(
        [
            tf.keras.Input((10, 12), name="series"),
            layers.GRU(16),
            layers.Dense(4),
        ]
    )


def encoder() -> tf.keras.Model:
    """A transformer encoder layer with a classifier on the mean."""
    tokens = tf.keras.Input((12, 32), name="tokens")
    x = layers.MultiHeadAttention(4, 8)(tokens, tokens)
    x = layers.LayerNormalization()(layers.Add()([tokens, x]))
    y = layers.Dense(64, activation="relu")(x)
    y = layers.Dense(32)(y)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling1D()(x)
    return tf.keras.Model(tokens, layers.Dense(5)(x))


def named(rows: np.ndarray, answers: np.ndarray) -> tuple[dict, dict]:
    """By the names that tf2onnx chose."""
    inputs = {recipe_case.input_names()[0]: rows}
    return inputs, {recipe_case.output_names()[0]: answers}


def export(recipe: str, model: tf.keras.Model, rows: np.ndarray):
    samples = channels_last(128, seed=3)[0]
    recipe_case.follow_recipe(recipe, {"model": model, "samples": samples})
    answers = model.predict(rows, verbose=0)
    return named(rows, answers)


def export_lite(recipe: str, model: tf.keras.Model, rows: np.ndarray):
    """What answers is the TFLite file, which holds its own roundings."""
    export(recipe, model, rows)
    interpreter = tf.lite.Interpreter(model_path="model.tflite")
    source = interpreter.get_input_details()[0]
    target = interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(source["index"], rows.shape)
    interpreter.allocate_tensors()
    if source["dtype"] == np.int8:
        scale, zero_point = source["quantization"]
        rows = np.rint(rows / scale) + zero_point
        rows = np.clip(rows, -128, 127).astype(np.int8)
    interpreter.set_tensor(source["index"], rows)
    interpreter.invoke()
    answers = interpreter.get_tensor(target["index"])
    return named(rows, answers)


def main() -> int:
    warnings.filterwarnings("ignore")
    tf.keras.utils.set_random_seed(0)
    folder = pathlib.Path(sys.argv[1])
    images = channels_last(ROWS, seed=2)[0]
    random = np.random.default_rng(4)

    def rows_of(*shape: int) -> np.ndarray:
        return random.normal(size=(ROWS, *shape)).astype(np.float32)

    cases = {
        "cnn": (convolutional_net(), images),
        "mlp": (perceptron(), rows_of(8)),
        "lstm": (recurrent_net(), rows_of(10, 12)),
        "gru": (gated_net(), rows_of(10, 12)),
        "encoder": (encoder(), rows_of(12, 32)),
    }
    for name, (model, rows) in cases.items():
        write_case(
            folder / f"tensorflow.{name}",
            "tensorflow",
            lambda: export("tensorflow", model, rows),
            # tf2onnx computes with the number of rows, or moves them.
            batches=name not in ("encoder", "gru", "lstm"),
        )
    network = cases["cnn"][0]
    for recipe in ["tflite", "tflite-int8", "tflite-int8-ends"]:
        write_case(
            folder / recipe,
            recipe,
            lambda: export_lite(recipe, network, images),
            quantized=recipe != "tflite",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
