# SPDX-License-Identifier: Apache-2.0
"""Small PyTorch models, exported as the recipes say: pytorch_cases.py FOLDER"""

import copy
import logging
import pathlib
import sys
import warnings

import torch
from torch import nn

import recipe_case
from recipe_case import pictures, write_case

ROWS = 24


class ConvolutionalNet(nn.Module):
    """Dense, depthwise and pointwise convolutions with their activations."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.SiLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 3, padding=1, groups=16),
            nn.BatchNorm2d(16),
            nn.Hardswish(),
            nn.Conv2d(16, 32, 1),
            nn.ReLU6(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(32, recipe_case.CLASSES),
        )

    def forward(self, x):
        return self.layers(x)


class ResidualNet(nn.Module):
    """What static quantization is made for: convolutions around an addition."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()
        )
        self.branch = nn.Sequential(
            nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16)
        )
        self.relu = nn.ReLU()
        self.head = nn.Sequential(
            nn.MaxPool2d(2),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(64, recipe_case.CLASSES),
        )

    def forward(self, x):
        x = self.stem(x)
        return self.head(self.relu(self.branch(x) + x))


class PlainNet(nn.Module):
    """For eager quantization, which sees neither additions nor functions."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 16, 3, padding=1)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(256, recipe_case.CLASSES)

    def forward(self, x):
        x = self.pool(self.relu(self.convolution(x)))
        return self.head(self.flatten(x))


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(8, 32),
            nn.ReLU(),
            nn.LayerNorm(32),
            nn.Linear(32, 16),
            nn.Tanh(),
            nn.Linear(16, 3),
        )

    def forward(self, x):
        return self.layers(x)


class Encoder(nn.Module):
    """A transformer encoder layer with a classifier on the mean."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(
            32, 4, dim_feedforward=64, activation="gelu", batch_first=True
        )
        self.head = nn.Linear(32, 5)

    def forward(self, x):
        return self.head(self.layer(x).mean(dim=1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(
            12, 16, num_layers=2, batch_first=True, bidirectional=True
        )
        self.head = nn.Linear(32, 4)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def trained(model: nn.Module) -> nn.Module:
    """A classifier of the toy pictures after a few seconds."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(60):
        x, labels = map(torch.from_numpy, pictures(64, seed=100 + step))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
    return model.eval()


def export(recipe: str, variables: dict, rows: torch.Tensor):
    """Follows the recipe; its `model`, quantized or not, is what answers."""
    recipe_case.follow_recipe(recipe, variables)
    model = variables.get("quantized", variables["model"])
    with torch.no_grad():
        answers = model(rows)
    return {"input": rows.numpy()}, {"output": answers.numpy()}


def write_float_cases(folder: pathlib.Path) -> None:
    images = torch.from_numpy(pictures(ROWS, seed=2)[0])
    cases = {
        "cnn": (trained(ConvolutionalNet()), images),
        "mlp": (Perceptron().eval(), torch.randn(ROWS, 8)),
        "encoder": (Encoder().eval(), torch.randn(ROWS, 12, 32)),
        "lstm": (Recurrent().eval(), torch.randn(ROWS, 10, 12)),
    }
    for recipe in ["pytorch", "pytorch-legacy"]:
        for name, (model, rows) in cases.items():
            variables = {"model": model, "example": rows[:2]}
            write_case(
                folder / f"{recipe}.{name}",
                recipe,
                lambda: export(recipe, variables, rows),
            )


def write_quantized_cases(folder: pathlib.Path) -> None:
    images = torch.from_numpy(pictures(ROWS, seed=2)[0])
    samples = torch.from_numpy(pictures(128, seed=3)[0]).split(16)
    cases = {
        "pytorch-fx-int8": trained(ResidualNet()),
        "pytorch-pt2e-int8": trained(ResidualNet()),
        "pytorch-eager-int8": trained(PlainNet()),
    }
    for recipe, model in cases.items():
        variables = {
            "model": copy.deepcopy(model),
            "example": images[:2],
            "samples": samples,
        }
        write_case(
            folder / recipe,
            recipe,
            lambda: export(recipe, variables, images),
            quantized=True,
        )


def main() -> int:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    torch.set_num_threads(2)
    folder = pathlib.Path(sys.argv[1])
    write_float_cases(folder)
    write_quantized_cases(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
