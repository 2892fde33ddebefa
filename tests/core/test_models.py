import sys
import types

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ascribe.errors import InputError, ModelError, TargetError
from ascribe.models import ImageClassifier, load_classifier, load_picture
from ascribe.vision import torchvision


@pytest.fixture
def squeezenet():
    return torchvision().models.squeezenet1_0(weights=None)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".npz", ".safetensors"])
def test_weights_are_read_from_a_file_of_every_kind(tmp_path, squeezenet, suffix):
    path, state = tmp_path / f"w{suffix}", squeezenet.state_dict()
    if suffix == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in state.items()})
    elif suffix == ".safetensors":
        pytest.importorskip("safetensors.torch").save_file(state, path)
    else:
        torch.save({"state_dict": state} if suffix == ".pth" else state, path)
    loaded = load_classifier("torchvision:squeezenet1_0", str(path))
    assert not loaded.model.training
    x = loaded.read(Image.new("RGB", (300, 260)))
    assert x.shape == (1, 3, 224, 224)
    assert torch.equal(loaded.model(x), squeezenet.eval()(x))
    assert loaded.name(208) == "Labrador retriever"


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle ran code')",))


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    path = tmp_path / "w.pt"
    torch.save({"weight": Evil()}, path)
    with pytest.raises(ModelError, match="cannot be read"):
        load_classifier("torchvision:squeezenet1_0", str(path))
    np.savez(tmp_path / "w.npz", x=np.array([Evil()], dtype=object))
    with pytest.raises(ModelError, match="cannot be read"):
        load_classifier("torchvision:squeezenet1_0", str(tmp_path / "w.npz"))


def test_weights_that_do_not_fit_or_are_not_there_say_so(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pt")
    (tmp_path / "broken.pt").write_text("no weights")
    (tmp_path / "w.bin").write_text("no weights")
    for name, message in [
        ("w.pt", "do not fit torchvision:squeezenet1_0"),
        ("broken.pt", "cannot be read"),
        ("w.bin", "must be one of .pt"),
        ("none.pt", "no file, and no entry of IMAGENET1K_V1"),
    ]:
        with pytest.raises(ModelError, match=message):
            load_classifier("torchvision:squeezenet1_0", str(tmp_path / name))


def test_weights_that_cannot_be_fetched_say_so(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        torch.hub,
        "download_url_to_file",
        lambda *a, **k: (_ for _ in ()).throw(OSError("no route")),
    )
    with pytest.raises(
        ModelError, match=r"IMAGENET1K_V1 of alexnet cannot be fetched \(no route\)"
    ):
        load_classifier("torchvision:alexnet")


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("torchvision:resnet81", None, "did you mean resnet18"),
        ("torchvision:fcn_resnet50", None, "no classifier"),
        ("resnet18", None, "no model is called 'resnet18'"),
        ("no.such:thing", None, "ModuleNotFoundError"),
        ("torch:no_such_thing", None, "AttributeError"),
        ("math:pi", None, "TypeError"),
        ("ascribe:explain", None, "TypeError"),
        ("scenes", "x.pt", "torchvision:NAME only"),
    ],
)
def test_models_that_cannot_be_loaded_say_why(name, weights, message):
    with pytest.raises(ModelError, match=message):
        load_classifier(name, weights)


@pytest.fixture
def user_module(monkeypatch):
    module = types.ModuleType("user_model")
    module.net = nn.Sequential(nn.Flatten(), nn.Dropout())
    module.make = lambda: nn.Sequential(nn.Flatten())
    module.full = lambda: ImageClassifier(module.net, categories=("one", "two"))
    monkeypatch.setitem(sys.modules, "user_model", module)
    return module


def test_a_model_of_the_user_s_own_may_be_a_module_or_what_makes_one(user_module):
    for attribute in ("net", "make", "full"):
        loaded = load_classifier(f"user_model:{attribute}")
        assert isinstance(loaded.model, nn.Sequential)
        assert not loaded.model.training
        x = loaded.read(Image.new("RGB", (4, 3), (255, 0, 51)))
        assert x.shape == (1, 3, 3, 4)
        assert x[0, :, 0, 0].tolist() == pytest.approx([1, 0, 0.2])
        assert np.allclose(loaded.as_seen(x)[0, 0, 0], [1, 0, 0.2])
    assert loaded.categories == ("one", "two")


def test_targets_by_number_or_by_name():
    model = ImageClassifier(nn.Identity(), categories=("cat", "dog", "crane", "Crane"))
    assert [model.target(text) for text in ("1", "dog", "DOG", "-1")] == [1, 1, 1, -1]
    for text, message in [("dgo", "did you mean dog"), ("crane", "name of 2 and 3")]:
        with pytest.raises(TargetError, match=message):
            model.target(text)
    with pytest.raises(TargetError, match="must be a number"):
        ImageClassifier(nn.Identity()).target("dog")
    assert model.name(1) == "dog"
    assert model.name(7) == "7"


def test_torchvision_pictures_come_back_as_people_see_them(tmp_path, squeezenet):
    torch.save(squeezenet.state_dict(), tmp_path / "w.pt")
    loaded = load_classifier("torchvision:squeezenet1_0", str(tmp_path / "w.pt"))
    seen = loaded.as_seen(loaded.read(Image.new("RGB", (256, 256), (10, 200, 77))))
    assert seen.shape == (1, 224, 224, 3)
    assert np.allclose(seen, np.array([10, 200, 77]) / 255, atol=1e-6)


def test_the_embedded_classifier_tells_its_animals():
    loaded = load_classifier()
    assert {"cat", "dog"} <= set(loaded.categories)
    x = loaded.read(Image.new("RGB", (300, 200)))
    assert loaded.predict(x).shape == (1, len(loaded.categories))


def test_pictures_are_read_upright_and_bad_files_say_what_they_are(tmp_path):
    picture, exif = Image.new("RGB", (4, 2)), Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    picture.save(tmp_path / "turned.jpg", exif=exif)
    assert load_picture(tmp_path / "turned.jpg").size == (2, 4)
    Image.new("L", (2, 2)).save(tmp_path / "grey.png")
    assert load_picture(tmp_path / "grey.png").mode == "RGB"
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes((tmp_path / "grey.png").read_bytes()[:40])
    for name, message in [
        ("none.png", "there is no file"),
        ("text.png", "not an image"),
        ("cut.png", "cannot be read|not an image"),
        ("", "cannot be read"),
    ]:
        with pytest.raises(InputError, match=message):
            load_picture(tmp_path / name)
