# SPDX-License-Identifier: Apache-2.0
"""Trains the sample model and writes it and its pictures beside this file.

README.md says what comes out and how it was measured.
"""

import argparse
import functools
import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import optax

import network
import render

CLASSES = len(render.CHARACTERS)

# One seed a purpose, so that changing one set leaves the others as they are.
WEIGHT_SEED, TRAINING_SEED, CALIBRATION_SEED, EVALUATION_SEED = 1, 2, 3, 4


def to_input(pictures):
    """uint8 [N, 32, 32] -> what the ONNX model eats: float [N, 1, 32, 32]."""
    return pictures[:, None].astype(np.float32) / 255


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--font-root", default="/usr/share/fonts",
                        help="folder of the fonts (default %(default)s)")
    parser.add_argument("--output-dir", type=pathlib.Path,
                        default=pathlib.Path(__file__).parent,
                        help="where the files go (default: this folder)")
    parser.add_argument("--steps", type=int, default=1200,
                        help="training steps (default %(default)s)")
    parser.add_argument("--batch", type=int, default=144,
                        help="pictures per step (default %(default)s)")
    parser.add_argument("--calibration-count", type=int, default=180,
                        help="calibration pictures (default %(default)s)")
    parser.add_argument("--evaluation-count", type=int, default=504,
                        help="evaluation pictures (default %(default)s)")
    return parser.parse_args()


def compute_logits(weights, statistics, pictures):
    """Inference in JAX on model inputs, float [N, 1, 32, 32]."""
    net = network.JaxNetwork(weights, statistics)
    return network.build_classifier(
        net, jnp.transpose(pictures, (0, 2, 3, 1)), CLASSES)


def compute_loss(weights, statistics, pictures, labels):
    net = network.JaxNetwork(weights, statistics, training=True)
    logits = network.build_classifier(
        net, jnp.transpose(pictures, (0, 2, 3, 1)), CLASSES)
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return loss.mean(), net.statistics


def create_values():
    """Returns fresh weights and the statistics of one blank picture."""
    net = network.JaxNetwork({}, {}, training=True, seed=WEIGHT_SEED)
    blank = jnp.zeros((1, render.SIZE, render.SIZE, 1), jnp.float32)
    network.build_classifier(net, blank, CLASSES)
    return net.weights, net.statistics


def train(printer, steps, batch):
    """Returns trained weights and statistics; every picture is seen once."""
    weights, statistics = create_values()
    schedule = optax.warmup_cosine_decay_schedule(
        0, 3e-3, steps // 20, steps, 1e-5)
    optimizer = optax.adamw(
        schedule, weight_decay=1e-2,
        mask=lambda tree: jax.tree.map(lambda value: value.ndim > 1, tree))

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(weights, statistics, state, pictures, labels):
        (loss, statistics), gradients = jax.value_and_grad(
            compute_loss, has_aux=True)(weights, statistics, pictures, labels)
        updates, state = optimizer.update(gradients, state, weights)
        return optax.apply_updates(weights, updates), statistics, state, loss

    state = optimizer.init(weights)
    started, losses = time.monotonic(), []
    for done in range(1, steps + 1):
        pictures, labels = printer.print_random(batch)
        weights, statistics, state, loss = step(
            weights, statistics, state, to_input(pictures), labels)
        losses.append(loss)
        if done % 50 == 0 or done == steps:
            print(f"step {done}/{steps}  loss {np.mean(losses):.4f}  "
                  f"{time.monotonic() - started:.0f} s", flush=True)
            losses = []
    return weights, statistics


def export(weights, statistics, path):
    net = network.OnnxNetwork(weights, statistics)
    logits = network.build_classifier(net, "image", CLASSES)
    onnx.save(net.create_model("image", logits, render.SIZE, CLASSES), path)


def measure_accuracy(session, pictures, labels):
    logits = session.run(None, {"image": to_input(pictures)})[0]
    return float(np.mean(logits.argmax(axis=1) == labels))


def main():
    arguments = parse_arguments()
    output_dir = arguments.output_dir
    training_fonts = render.find_fonts(
        render.TRAINING_FONTS, arguments.font_root)
    evaluation_fonts = render.find_fonts(
        render.EVALUATION_FONTS, arguments.font_root)
    print(f"{len(training_fonts)} training fonts, "
          f"{len(evaluation_fonts)} evaluation fonts", flush=True)

    weights, statistics = train(
        render.CharacterPrinter(training_fonts, TRAINING_SEED),
        arguments.steps, arguments.batch)
    calibration, calibration_labels = render.CharacterPrinter(
        training_fonts, CALIBRATION_SEED).print_random(
            arguments.calibration_count)
    evaluation, evaluation_labels = render.CharacterPrinter(
        evaluation_fonts, EVALUATION_SEED).print_random(
            arguments.evaluation_count)

    model_path = output_dir / "printed_characters.onnx"
    export(weights, statistics, model_path)
    np.save(output_dir / "calibration_images.npy", calibration)
    np.save(output_dir / "evaluation_images.npy", evaluation)
    np.save(output_dir / "evaluation_labels.npy", evaluation_labels)
    (output_dir / "labels.txt").write_text("\n".join(render.CHARACTERS) + "\n")

    session = onnxruntime.InferenceSession(
        str(model_path), providers=["CPUExecutionProvider"])
    expected = compute_logits(weights, statistics, to_input(evaluation))
    actual = session.run(None, {"image": to_input(evaluation)})[0]
    print(f"ONNX Runtime against JAX: largest difference "
          f"{np.abs(actual - np.asarray(expected)).max():.2e} "
          f"in logits up to {np.abs(actual).max():.1f}")
    for name, pictures, labels in (
            ("training fonts", calibration, calibration_labels),
            ("evaluation fonts", evaluation, evaluation_labels)):
        accuracy = measure_accuracy(session, pictures, labels)
        print(f"accuracy, {name}: {accuracy:.4f} of {len(labels)} pictures")


if __name__ == "__main__":
    main()
