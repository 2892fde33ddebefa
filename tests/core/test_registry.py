import sys
import textwrap

import pytest
import torch

from ascribe import registry
from ascribe.attribution import Attribution
from ascribe.discovery import plugin_names, snake_case
from ascribe.errors import AscribeWarning, PluginConflict, PluginLoadError, UnknownPluginError
from ascribe.hookspecs import hookimpl
from ascribe.registry import Registry

GOOD = """
    from ascribe import Attribution, hookimpl
    class {cls}(Attribution):
        def attribute(self, inputs, target=None):
            return inputs
    @hookimpl
    def ascribe_attributions():
        return [{cls}]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lay out a distribution as pip would, and see to it that it is gone afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def lay_out(distribution, version="1.2", **plugins):
        info = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {distribution}\nVersion: {version}\n")
        lines = ["[ascribe.attributions]"]
        for name, code in plugins.items():
            module = f"{distribution.replace('-', '_')}_{name}"
            lines.append(f"{name} = {module}")
            (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        (info / "entry_points.txt").write_text("\n".join(lines))

    yield lay_out
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def found():
    return Registry("ascribe.attributions", "ascribe_attributions", Attribution)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("InputXGradient", "input_x_gradient"),
        ("GradCAM", "grad_cam"),
        ("LRP", "lrp"),
        ("Occlusion", "occlusion"),
        ("HiResCAM", "hi_res_cam"),
        ("Lime2", "lime2"),
    ],
)
def test_snake_case(name, expected):
    assert snake_case(name) == expected


def test_a_layer_form_belongs_to_the_plugin_of_its_family():
    assert plugin_names("LayerIntegratedGradients") == [
        "layer_integrated_gradients",
        "integrated_gradients",
    ]
    assert plugin_names("Layered") == ["layered"]


def test_names_come_from_metadata_and_import_nothing(install, found):
    install("foo", fine=GOOD.format(cls="Fine"), broken="raise SystemError")
    assert {"fine", "broken", "occlusion"} <= set(found.names())
    assert "foo_fine" not in sys.modules
    assert found.get("Fine").__name__ == "Fine"
    assert "foo_fine" in sys.modules
    assert "foo_broken" not in sys.modules


def test_a_class_is_found_by_its_own_name_and_by_its_plugin_s(found):
    assert found.get("Occlusion") is found.get("occlusion") is found.get("ascribe:occlusion")


def test_unknown_names_suggest_near_ones(found):
    for name in ("oclusion", "Oclusion", "LayerOclusion"):
        with pytest.raises(UnknownPluginError, match="did you mean occlusion"):
            found.get(name)
    with pytest.raises(UnknownPluginError, match=r"there are .*occlusion"):
        found.get("xyz")
    with pytest.raises(UnknownPluginError, match="LayerOcclusion"):
        found.get("LayerOcclusion")


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named"),
        ("1/0", "ZeroDivisionError"),
        ("def (", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("x = 1", "does not implement the hook ascribe_attributions"),
        (GOOD.format(cls="Other"), "Other belongs to a plugin 'other'"),
        (GOOD.format(cls="Wrong").replace("return [Wrong]", "return [int]"), "subclasses of"),
        (GOOD.format(cls="Wrong").replace("return [Wrong]", "return []"), "non-empty list"),
        (GOOD.format(cls="Wrong").replace("return [Wrong]", "return 3"), "non-empty list"),
        (GOOD.format(cls="Wrong").replace("return [Wrong]", "1/0"), "ZeroDivisionError"),
        (
            GOOD.format(cls="Wrong").replace("def attribute", "def attibute"),
            r"has no \['attribute'",
        ),
        (GOOD.format(cls="Wrong").replace("attributions():", "attributions(model):"), "Argument"),
        (GOOD.format(cls="Wrong").replace("def ascribe_", "def ascrib_"), "unknown hook"),
    ],
)
def test_a_broken_plugin_names_itself_and_its_cause_and_spares_the_others(
    install, found, code, cause
):
    install("foo", version="4.5", wrong=code, fine=GOOD.format(cls="Fine"))
    for _ in range(2):  # nothing of it stays behind
        with pytest.raises(PluginLoadError, match=cause) as caught:
            found.get("wrong")
        for part in ("'wrong'", "foo_wrong", "foo 4.5"):
            assert part in str(caught.value)
    assert found.get("fine").__name__ == "Fine"
    listed = {row.plugin.name: row for row in found.listing()}
    assert listed["wrong"].error is not None
    assert listed["occlusion"].error is None


def test_a_name_claimed_by_two_distributions_is_refused_with_ways_out(install, found, monkeypatch):
    install("foo", twice=GOOD.format(cls="Twice"))
    install("bar", twice=GOOD.format(cls="Twice"), other=GOOD.format(cls="Other"))
    with pytest.raises(PluginConflict, match=r"bar 1\.2 \(bar_twice\) and by foo 1\.2 \(foo_twice"):
        found.get("twice")
    assert found.get("foo:twice").__module__ == "foo_twice"
    assert found.get("other").__name__ == "Other"
    errors = [row.error for row in found.listing() if row.plugin.name == "twice"]
    assert [type(error) for error in errors] == [PluginConflict, PluginConflict]
    monkeypatch.setenv("ASCRIBE_BLOCK", "bar:twice")
    assert found.get("twice").__module__ == "foo_twice"


def test_a_name_of_ours_stays_ours_and_the_claim_is_told(install, found):
    install("foo", occlusion=GOOD.format(cls="Occlusion"))
    with pytest.warns(AscribeWarning, match="claimed by ascribe .* and by foo"):
        assert found.get("occlusion").__module__ == "ascribe_attributions.occlusion"
    assert found.get("foo:occlusion").__module__ == "foo_occlusion"
    listed = [row for row in found.listing() if row.plugin.name == "occlusion"]
    assert [row.error is None for row in listed] == [True, False]


def test_blocked_plugins_are_left_out(found, monkeypatch):
    monkeypatch.setenv("ASCRIBE_BLOCK", "occlusion, saliency")
    assert not {"occlusion", "saliency"} & set(found.names())
    for name in ("occlusion", "Occlusion"):
        with pytest.raises(UnknownPluginError, match="left out by ASCRIBE_BLOCK"):
            found.get(name)
    assert found.get("feature_ablation")


class Mine(Attribution):
    def attribute(self, inputs, target=None):
        return inputs


class MinePlugin:
    @hookimpl
    def ascribe_attributions(self):
        return [Mine]


def test_a_class_registered_by_hand_is_found_until_it_is_taken_back(found):
    found.register(Mine)
    assert found.get("mine") is found.get("Mine") is Mine
    again = type("Mine", (Mine,), {})
    found.register(again)  # as when a notebook's cell runs twice
    assert found.get("mine") is again
    assert [row.plugin.distribution for row in found.listing() if row.plugin.name == "mine"] == [
        registry.BY_HAND
    ]
    found.unregister("mine")
    with pytest.raises(UnknownPluginError):
        found.get("mine")


def test_an_object_with_the_hook_can_be_registered_by_hand(found):
    found.register(MinePlugin(), "mine")
    assert found.get("mine") is Mine


def test_registering_a_taken_name_by_hand_is_refused_and_changes_nothing(found):
    ours = found.get("occlusion")
    with pytest.raises(PluginConflict, match="choose another"):
        found.register(type("Occlusion", (Mine,), {}))
    with pytest.raises(PluginLoadError, match="named for it"):
        found.register(MinePlugin(), "yours")
    assert found.get("occlusion") is ours
    assert "yours" not in found.names()


def test_one_package_may_serve_both_groups_with_one_module(install, found, tmp_path):
    install(
        "foo",
        both=GOOD.format(cls="Both")
        + """
    from ascribe import Renderer
    class Both(Both): pass
    class _Drawn(Renderer):
        def render(self, attribution, original=None, **options):
            return ""
    _Drawn.__name__ = "Both"
    @hookimpl
    def ascribe_renderers():
        return [_Drawn]
""",
    )
    entry = next(tmp_path.glob("*.dist-info")) / "entry_points.txt"
    entry.write_text(entry.read_text() + "\n[ascribe.renderers]\nboth = foo_both\n")
    from ascribe.renderer import Renderer

    drawing = Registry("ascribe.renderers", "ascribe_renderers", Renderer)
    assert found.get("both").__name__ == "Both"
    assert issubclass(drawing.get("both"), Renderer)


def test_the_facade_asks_the_registry():
    import ascribe.attr

    assert ascribe.attr.Occlusion is registry.attributions.get("occlusion")
    assert {"Occlusion", "Attribution", "visualization"} <= set(dir(ascribe.attr))
    with pytest.raises(AttributeError, match="did you mean occlusion"):
        ascribe.attr.Oclusion  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name"):
        from ascribe.attr import NoSuchThing  # noqa: F401
    assert not hasattr(ascribe.attr, "no_such_thing")


def test_a_form_of_a_method_is_found_in_snake_case_too():
    from ascribe.attr import LayerConductance, NeuronConductance

    found = registry.attributions
    assert found.get("layer_conductance") is LayerConductance
    assert found.get("neuron_conductance") is NeuronConductance
    with pytest.raises(UnknownPluginError):
        found.get("layer_saliency")


RULED = """
    import torch
    from ascribe import hookimpl
    from ascribe.attr import DeepLift
    from ascribe.difference_rules import rescale
    class TrigammaLift(DeepLift):
        def __init__(self, model):
            super().__init__(model, rules={"polygamma": rescale})
    @hookimpl
    def ascribe_attributions():
        return [TrigammaLift]
"""


def test_a_package_s_method_adds_a_rule_for_an_activation_in_a_line(install, found):
    install("trigamma", trigamma_lift=RULED)
    method = found.get("trigamma_lift")
    layer = torch.nn.Linear(3, 1).double()
    x = torch.rand(2, 3, dtype=torch.float64) + 1
    _, delta = method(lambda x: layer(torch.polygamma(1, x))).attribute(
        x, baselines=0.5, target=0, return_convergence_delta=True
    )
    assert float(delta.abs().max()) < 1e-13


def test_everything_can_be_imported_at_once():
    given = {}
    exec("from ascribe.attr import *", given)
    assert {"Saliency", "LayerGradCam", "Summarizer", "visualization"} <= set(given)
