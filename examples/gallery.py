"""Draw every renderer's picture for docs/gallery.md, from embedded scenes and small trained models.

Run it from the project's folder, offline::

    python examples/gallery.py

It writes docs/gallery.md and docs/images/gallery. Pages are pictured by Chromium, where it is
installed; else their pictures are left as they are.
"""

import dataclasses
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

import ascribe
from ascribe import Explanation, registry, scenes
from ascribe.models import load_classifier
from ascribe.superpixels import regions

DOCS = Path(__file__).resolve().parent.parent / "docs"
FOLDER = DOCS / "images" / "gallery"


@dataclass(frozen=True)
class Entry:
    """A renderer, what it draws and with which options, and what to say of it."""

    renderer: str
    data: Callable[[], Any]
    words: str
    options: dict[str, Any] = field(default_factory=dict)
    width: int = 760
    height: int = 300


def trained(model: nn.Module, inputs: Tensor, answers: Tensor, steps: int = 300) -> nn.Module:
    """Fit a model to answers by Adam, and return it."""
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        (model(inputs).squeeze(-1) - answers).square().mean().backward()
        optimiser.step()
    return model.eval()


@cache
def scene(method: str = "occlusion") -> Explanation:
    """Explain the embedded classifier's answers on an embedded scene, for both animals."""
    picture, classifier = scenes.sample_scene("dog_and_cat"), load_classifier()
    inputs = classifier.read(picture.image)
    settings: dict[str, Any] = {"baselines": 0.5}
    if method == "occlusion":
        settings |= {"sliding_window_shapes": (3, 16, 16), "strides": (3, 4, 4)}
    if method == "kernel_shap":
        settings |= {"feature_mask": regions(inputs, 60), "n_samples": 600, "seed": 0}
    targets = [classifier.target(animal) for animal in picture.animals]
    found = ascribe.explain(classifier.model, inputs, method, targets, parameters=settings)
    return dataclasses.replace(found, labels=list(picture.animals))


def one_animal() -> Explanation:
    """Return the explanation of the first animal alone."""
    found = scene()
    return dataclasses.replace(
        found,
        values=found.values[:1],
        targets=found.targets[:1],
        scores=found.scores[:1],
        labels=found.labels[:1],
    )


REVIEWS = {
    "a warm and funny film with a brilliant cast": 1,
    "brilliant , moving and never slow": 1,
    "the cast is wonderful and the story moving": 1,
    "a dull story , badly told": 0,
    "never funny and far too long": 0,
    "the plot is a mess and the jokes are dull": 0,
    "warm , wonderful , a joy": 1,
    "too long , too loud , a mess": 0,
}


@cache
def review() -> Explanation:
    """Explain a classifier of words, which was trained on a few reviews."""
    torch.manual_seed(0)
    words = sorted({word for text in REVIEWS for word in text.split()})
    number = {word: place for place, word in enumerate(words)}
    counts = torch.zeros(len(REVIEWS), len(words))
    for row, text in zip(counts, REVIEWS, strict=True):
        for word in text.split():
            row[number[word]] += 1
    model = trained(nn.Linear(len(words), 1), counts, 2.0 * torch.tensor([*REVIEWS.values()]) - 1)
    text = "the story is dull and too long but the cast is brilliant and funny"
    tokens = text.split()
    known = [[float(word == other) for other in words] for word in tokens]
    found = ascribe.explain(
        lambda x: model(x.sum(1)).squeeze(-1), torch.tensor([known]), "input_x_gradient"
    )
    return dataclasses.replace(found, original=[tokens], labels=["a good review"])


NAMES = ["living area", "age of the house", "distance to town", "rooms", "garden", "noise", "floor"]


@cache
def houses(method: str) -> Explanation:
    """Explain a network that was trained on a formula for the price of houses."""
    torch.manual_seed(0)
    x = torch.randn(200, len(NAMES))
    price = 1.5 * x[:, 0] - 0.6 * x[:, 1] - torch.relu(x[:, 2]) + 0.4 * x[:, 0] * x[:, 4] - x[:, 5]
    model = trained(nn.Sequential(nn.Linear(7, 32), nn.Tanh(), nn.Linear(32, 1)), x, price)
    rows = x if method == "integrated_gradients" else x[:1]
    return ascribe.explain(lambda x: model(x).squeeze(-1), rows, method)


@cache
def beats() -> Explanation:
    """Explain a convolutional network that was trained to find a beat in two noisy channels."""
    torch.manual_seed(0)
    series = torch.randn(96, 2, 80) * 0.25 + torch.sin(torch.linspace(0, 12, 80)) * 0.4
    there = torch.arange(96) % 2
    for number in range(1, 96, 2):
        start = int(torch.randint(8, 60, ()))
        series[number, 0, start : start + 8] += 1.6 * torch.hann_window(8)
    model = nn.Sequential(nn.Conv1d(2, 8, 9), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten())
    model = trained(model.append(nn.Linear(8, 1)), series, there.float(), 200)
    return ascribe.explain(
        lambda x: model(x).squeeze(-1), series[1:2], "integrated_gradients", baselines=0.0
    )


def methods() -> list[Explanation]:
    """Explain one scene by several methods."""
    return [scene(name) for name in ("occlusion", "integrated_gradients", "deep_lift")]


ENTRIES = [
    Entry("heat_map", scene, "Attributions alone, beside the picture."),
    Entry("blended_heat_map", scene, "Attributions over the picture in grey."),
    Entry(
        "image_contours",
        scene,
        "Lines around what counts most, over the picture itself.",
    ),
    Entry("image_side_by_side", one_animal, "The picture and its attributions, as a pair."),
    Entry("masked_image", scene, "The picture where attributions are high, dark elsewhere."),
    Entry("alpha_scaling", scene, "The picture, as opaque as its attributions."),
    Entry(
        "superpixels",
        lambda: scene("kernel_shap"),
        "The regions that count most, of a method whose features are regions.",
    ),
    Entry("original_image", one_animal, "The picture as it is."),
    Entry("text_html", review, "Words shaded by what they count; all text is escaped.", height=210),
    Entry("text_terminal", review, "The same for a terminal; without colours, with numbers."),
    Entry(
        "bar",
        lambda: houses("shapley_value_sampling"),
        "What each feature of an example counts, with standard errors where a method has them.",
        {"names": NAMES},
    ),
    Entry(
        "waterfall",
        lambda: houses("shapley_values"),
        "How features lead from the base value to the score.",
        {"names": NAMES},
    ),
    Entry(
        "beeswarm",
        lambda: houses("integrated_gradients"),
        "A data set: a dot for each example, coloured by the feature's value.",
        {"names": NAMES},
    ),
    Entry(
        "time_series",
        beats,
        "A series of several channels over what its points count.",
        {"channel_labels": ["with the beat", "without"]},
    ),
    Entry(
        "html_report",
        methods,
        "Methods side by side in one file, with a threshold, signs and values under the pointer.",
        width=1240,
        height=980,
    ),
]


def draw(entry: Entry) -> str:
    """Draw an entry and return what stands for it in the gallery."""
    renderer = registry.renderers.get(entry.renderer)()
    if renderer.kind == "text":
        return f"```\n{renderer.render(entry.data(), colour=False, **entry.options)}\n```"
    drawn = renderer.render(entry.data(), **entry.options)
    path = FOLDER / f"{entry.renderer}.png"
    if isinstance(drawn, str):
        photograph(drawn, path, entry)
    else:
        drawn.savefig(path, dpi=80, bbox_inches="tight")
    if path.exists():
        palette(path)
    return f"![{entry.renderer}]({path.relative_to(DOCS).as_posix()})"


def photograph(page: str, path: Path, entry: Entry) -> None:
    """Picture a page by Chromium, if it is there."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, filter(None, names))), None)
    if browser is None:
        return
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-sync", "--virtual-time-budget=4000"]
    with tempfile.TemporaryDirectory() as folder:
        whole = page.startswith("<!DOCTYPE html>")
        source = Path(folder) / "page.html"
        body = page if whole else f"<!DOCTYPE html><body style='font-family:sans-serif'>{page}"
        source.write_text(body, encoding="utf-8")
        size = f"--window-size={entry.width},{entry.height}"
        profile = f"--user-data-dir={folder}/profile"
        command = [browser, *flags, size, profile, f"--screenshot={path}", source.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


def palette(path: Path) -> None:
    """Make a file of a picture smaller, with fewer colours."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
    small.save(path, optimize=True)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    parts = [
        "# Gallery\n\nEvery renderer's picture, as `python examples/gallery.py` draws it: offline, "
        "from the embedded classifier and small models that the script trains. Red is for, blue "
        "is against (in a beeswarm: high and low values of a feature).\n"
    ]
    for entry in ENTRIES:
        options = "".join(f", {name}={name}" for name in entry.options)
        call = f'explanation.render("{entry.renderer}"{options})'
        if isinstance(entry.data(), list):
            call = f'registry.renderers.get("{entry.renderer}")().render(explanations)'
        parts.append(
            f"## {entry.renderer}\n\n{entry.words}\n\n```python\n{call}\n```\n\n{draw(entry)}\n"
        )
    (DOCS / "gallery.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
