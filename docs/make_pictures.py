"""Draw the pictures of docs/pictures.md into docs/pictures/: python docs/make_pictures.py"""

from __future__ import annotations

import io
import os
import re
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from PIL import Image, ImageSequence

FOLDER = Path(__file__).resolve().parent
COLOURS = 128  # that a picture keeps, at a third of the bytes


def main() -> None:
    """Run the blocks of the page; the picture that follows a block is what the block has drawn."""
    text = (FOLDER / "pictures.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block, rest in re.findall(r"```python\n(.*?)```(.*?)(?=```python|\Z)", text, re.DOTALL):
        exec(compile(block, "pictures.md", "exec"), names)
        if link := re.search(r"\(pictures/([\w-]+\.png)\)", rest):
            path = FOLDER / "pictures" / link[1]
            moving = path.with_suffix(".gif").name
            picture = moments(moving) if os.path.exists(moving) else drawn()
            picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
            print(path.name, path.stat().st_size, "bytes")
        plt.close("all")


def drawn() -> Image.Image:
    """The figure that is open."""
    buffer = io.BytesIO()
    plt.savefig(buffer, format="png", dpi=90)
    return Image.open(buffer)


def moments(moving: str) -> Image.Image:
    """The first, the middle and the last frame of a moving picture, side by side."""
    with Image.open(moving) as image:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]
    width, height = frames[0].size
    strip = Image.new("RGB", (3 * width, height))
    for k, frame in enumerate((frames[0], frames[len(frames) // 2], frames[-1])):
        strip.paste(frame, (k * width, 0))
    return strip


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        main()
        os.chdir(FOLDER)
