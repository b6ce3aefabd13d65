# SPDX-License-Identifier: Apache-2.0
"""Draws printed characters from installed fonts, then spoils them.

A picture is 32 x 32 grey bytes, dark ink on lighter paper, one character in
the middle. It is turned, slanted, scaled, moved, blurred, unevenly lit and
noisy; every one of these is drawn from a seeded generator.
"""

import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIZE = 32  # Width and height of a picture, in pixels.

# Characters are turned and scaled at twice the final resolution and reduced
# last, which keeps thin strokes smooth.
_SUPERSAMPLING = 2
_CANVAS = SIZE * _SUPERSAMPLING
_CAP_HEIGHT = 40  # Of an unscaled character, in canvas pixels.

# Debian package -> its font files, as patterns below /usr/share/fonts. The
# evaluation packages hold other designs than the training packages.
TRAINING_FONTS = {
    "fonts-cantarell": ["opentype/cantarell/Cantarell-[BELR]*.otf"],
    "fonts-crosextra-caladea": ["truetype/crosextra/Caladea-*.ttf"],
    "fonts-crosextra-carlito": ["truetype/crosextra/Carlito-*.ttf"],
    "fonts-dejavu-core": [
        "truetype/dejavu/DejaVuSans.ttf",
        "truetype/dejavu/DejaVuSans-Bold.ttf",
        "truetype/dejavu/DejaVuSansMono.ttf",
        "truetype/dejavu/DejaVuSansMono-Bold.ttf",
        "truetype/dejavu/DejaVuSerif.ttf",
        "truetype/dejavu/DejaVuSerif-Bold.ttf",
    ],
    "fonts-freefont-ttf": ["truetype/freefont/Free*.ttf"],
    "fonts-inconsolata": ["truetype/inconsolata/Inconsolata.otf"],
    "fonts-linuxlibertine": [
        "opentype/linux-libertine/LinBiolinum_R*.otf",
        "opentype/linux-libertine/LinLibertine_[MR]*.otf",
    ],
    "fonts-open-sans": ["truetype/open-sans/OpenSans-*.ttf"],
    "fonts-roboto-unhinted": [
        "truetype/roboto/unhinted/RobotoCondensed-[BLMR]*.ttf",
        "truetype/roboto/unhinted/RobotoTTF/Roboto-[BLMR]*.ttf",
    ],
}
EVALUATION_FONTS = {
    "fonts-cabin": ["opentype/cabin/Cabin-*.otf"],
    "fonts-courier-prime": ["opentype/courier-prime/Courier Prime*.otf"],
    "fonts-gfs-didot": ["opentype/didot/GFSDidot*.otf"],
    "fonts-liberation": ["truetype/liberation/Liberation*.ttf"],
}


def find_fonts(packages, font_root):
    """Returns the sorted font files of `packages` below `font_root`.

    Exits with the command that installs them when a package has no file.
    """
    files, missing = [], []
    for package, patterns in packages.items():
        found = [f for p in patterns for f in pathlib.Path(font_root).glob(p)]
        files.extend(found)
        if not found:
            missing.append(package)
    if missing:
        raise SystemExit(
            f"no font files of {', '.join(missing)} below {font_root}; "
            f"install them with: apt-get install {' '.join(missing)}")
    return sorted(files)


def _draw_upright(font_file, character):
    """Draws white on black, centred, so that capitals are 40 pixels high."""
    reference = ImageFont.truetype(str(font_file), 100)
    _, top, _, bottom = reference.getbbox("H")
    # One size for the whole font, not for each character: the narrow zero
    # must stay narrower than the letter O.
    font = ImageFont.truetype(
        str(font_file), round(100 * _CAP_HEIGHT / (bottom - top)))
    left, top, right, bottom = font.getbbox(character)
    image = Image.new("L", (_CANVAS, _CANVAS), 0)
    origin = ((_CANVAS - left - right) / 2, (_CANVAS - top - bottom) / 2)
    ImageDraw.Draw(image).text(origin, character, fill=255, font=font)
    return image


class CharacterPrinter:
    """Prints spoiled pictures of labelled characters, from a seed."""

    def __init__(self, font_files, seed):
        self._rng = np.random.default_rng(seed)
        self._upright = [[_draw_upright(f, c) for c in CHARACTERS]
                         for f in font_files]

    def print_random(self, count):
        """Returns `count` pictures, uint8 [N, 32, 32], and labels, int64 [N].

        Every character occurs equally often when 36 divides `count`.
        """
        labels = np.arange(count, dtype=np.int64) % len(CHARACTERS)
        self._rng.shuffle(labels)
        ink = np.stack([self._distort(label) for label in labels])
        return self._spoil(ink.astype(np.float32) / 255), labels

    def _distort(self, label):
        """Turns, slants, scales, moves and blurs one character: [32, 32]."""
        rng = self._rng
        upright = self._upright[rng.integers(len(self._upright))][label]
        angle = np.deg2rad(rng.uniform(-25, 25))
        turn = np.array([[np.cos(angle), -np.sin(angle)],
                         [np.sin(angle), np.cos(angle)]])
        slant = np.array([[1, rng.uniform(-0.2, 0.2)], [0, 1]])
        zoom = rng.uniform(0.75, 1.1)
        stretch = np.diag([zoom * rng.uniform(0.85, 1.1), zoom])
        # Image.transform wants the map from the result back to the source.
        inverse = np.linalg.inv(turn @ slant @ stretch)
        centre = np.full(2, (_CANVAS - 1) / 2)
        offset = centre - inverse @ (centre + rng.uniform(-6, 6, 2))
        coefficients = np.column_stack([inverse, offset]).ravel()
        image = upright.transform(
            (_CANVAS, _CANVAS), Image.Transform.AFFINE, tuple(coefficients),
            resample=Image.Resampling.BILINEAR)
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2)))
        return np.asarray(image.reduce(_SUPERSAMPLING))

    def _spoil(self, ink):
        """Puts ink shares [N, 32, 32] in [0, 1] on lit, noisy paper: uint8."""
        rng, count = self._rng, len(ink)

        def per_picture(low, high):
            return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

        paper = per_picture(0.5, 1.0)
        contrast = per_picture(0.5, 1.0) * paper
        ramp = np.linspace(-0.5, 0.5, SIZE, dtype=np.float32)
        light = (per_picture(-0.3, 0.3) * ramp[None, None, :] +
                 per_picture(-0.3, 0.3) * ramp[None, :, None])
        noise = rng.standard_normal(ink.shape, dtype=np.float32)
        grey = paper - contrast * ink + light + noise * per_picture(0, 0.15)
        return np.rint(np.clip(grey, 0, 1) * 255).astype(np.uint8)
