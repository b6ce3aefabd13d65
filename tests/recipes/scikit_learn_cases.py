# SPDX-License-Identifier: Apache-2.0
"""Small perceptrons of scikit-learn, exported as the recipes say:
scikit_learn_cases.py FOLDER"""

import pathlib
import sys
import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import recipe_case
from recipe_case import write_case

ROWS = 24


def classify(recipe: str, model, x: np.ndarray):
    recipe_case.follow_recipe(recipe, {"model": model, "x": x})
    rows = x[:ROWS]
    return {"X": rows}, {"probabilities": model.predict_proba(rows)}


def regress(recipe: str, model, x: np.ndarray):
    recipe_case.follow_recipe(recipe, {"model": model, "x": x})
    rows = x[:ROWS]
    answers = model.predict(rows).reshape(ROWS, -1)
    return {"X": rows}, {recipe_case.output_names()[0]: answers}


def main() -> int:
    warnings.filterwarnings("ignore")
    folder = pathlib.Path(sys.argv[1])
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 6)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int) + (x[:, 3] > 1)
    values = np.stack([x[:, 0] * x[:, 1], x[:, 2]], axis=1)
    classifiers = {
        "scikit-learn.three-classes": (
            MLPClassifier((16, 8), max_iter=200, random_state=0).fit(x, y)
        ),
        "scikit-learn.two-classes": (
            MLPClassifier((16,), max_iter=200, random_state=0).fit(x, y > 0)
        ),
        "scikit-learn.words": MLPClassifier(
            (16,), max_iter=200, random_state=0, activation="logistic"
        ).fit(x, np.array(["low", "middle", "high"])[y]),
    }
    for name, model in classifiers.items():
        write_case(
            folder / name,
            "scikit-learn",
            lambda: classify("scikit-learn", model, x),
        )
    pipeline = make_pipeline(
        StandardScaler(), MLPClassifier((16, 8), random_state=0)
    )
    offset = x * np.float32(3) + np.arange(6, dtype=np.float32)
    write_case(
        folder / "scikit-learn-pipeline",
        "scikit-learn-pipeline",
        lambda: classify(
            "scikit-learn-pipeline", pipeline.fit(offset, y), offset
        ),
    )
    for recipe, target in [
        ("scikit-learn-regressor", values[:, 0]),
        ("scikit-learn-outputs", values),
    ]:
        model = MLPRegressor(
            hidden_layer_sizes=(16, 8), activation="tanh", random_state=0
        )
        model.fit(x, target)
        write_case(
            folder / recipe, recipe, lambda: regress(recipe, model, x)
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
