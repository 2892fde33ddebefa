"""The classic recipe: which parts of a photograph make a classifier say "dog", and which "cat"?

Run it on a photograph of both, with weights that torchvision downloads::

    python examples/recipe.py dog_and_cat.png

or with weights from a file (.pt, .safetensors or .npz)::

    python examples/recipe.py dog_and_cat.png --model squeezenet1_0 --weights squeezenet.npz

It writes ``recipe_243.png`` and ``recipe_282.png``: a heat map beside the photograph for each.
Coming from Captum, the line that changes is the import of ``Occlusion`` and ``viz``.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from ascribe.attr import Occlusion
from ascribe.attr import visualization as viz
from ascribe.models import load_classifier
from ascribe.vision import torchvision

DOG, CAT = 243, 282  # bull mastiff and tiger cat among the classes of ImageNet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--model", default="resnet18", help="a classifier of torchvision")
    parser.add_argument("--weights", default="DEFAULT", help="of torchvision's enum, or a file")
    parser.add_argument("--targets", type=int, nargs="+", default=[DOG, CAT])
    parser.add_argument("--folder", type=Path, default=Path(), help="where to write the pictures")
    options = parser.parse_args()

    transforms = torchvision().transforms
    crop = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
    normalise = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
    )
    model = load_classifier(f"torchvision:{options.model}", options.weights).model
    photograph = crop(Image.open(options.photograph).convert("RGB"))
    inputs = normalise(photograph).unsqueeze(0)

    occlusion = Occlusion(model)
    for target in options.targets:
        attributions = occlusion.attribute(
            inputs,
            strides=(3, 9, 9),
            target=target,
            sliding_window_shapes=(3, 45, 45),
            baselines=0,
        )
        figure, _ = viz.visualize_image_attr_multiple(
            np.transpose(attributions.squeeze(0).numpy(), (1, 2, 0)),
            np.asarray(photograph),
            ["original_image", "heat_map"],
            ["all", "all"],
            titles=["photograph", f"attribution of class {target}"],
            show_colorbar=True,
            outlier_perc=2,
            use_pyplot=False,
        )
        path = options.folder / f"recipe_{target}.png"
        figure.savefig(path, bbox_inches="tight")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
