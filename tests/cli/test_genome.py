"""`precocial genome`: from a user's model and data to files and pages; bad input is one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from precocial import io
from precocial.cli import main
from precocial.genome import Genome, accuracy, load_model, load_task

Capture = pytest.CaptureFixture[str]

MODELS = """
import torch
from torch import nn

print("loading")

def cnn():
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 3))

class Rows(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(6, 16)
        self.place = nn.Parameter(torch.randn(6, 16))
        self.block = nn.TransformerEncoderLayer(16, 2, 16, dropout=0.0, batch_first=True)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.block(self.embed(x[:, 0]) + self.place).mean(1))

def linear(inputs=36, classes=3):
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, classes))

def nan():
    model = linear()
    with torch.no_grad():
        model[1].weight[0, 0] = float("nan")
    return model

def lazy(): return nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
def few(): return linear(classes=2)
def wrong(): return linear(inputs=35)
def frozen(): return linear().requires_grad_(False)
def wide(): return nn.Conv2d(1, 3, 3)
def bare(): return nn.Flatten()
def parametrized():
    return nn.Sequential(nn.Flatten(), nn.utils.parametrizations.spectral_norm(nn.Linear(36, 3)))
def seven(): return 7
def quits(): raise SystemExit(3)
def infinite(): return nn.Sequential(*linear(), nn.Threshold(1e9, float("inf")))
"""
TINY = ("--recipe", "smoke", "--steps", "40", "--dense-steps", "20", "--life-steps", "4")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, models, and one compressed CNN."""
    folder = tmp_path_factory.mktemp("genome")
    rng = np.random.default_rng(0)
    targets = np.arange(150) % 3
    inputs = rng.normal(size=(3, 1, 6, 6))[targets] + 0.5 * rng.normal(size=(150, 1, 6, 6))
    io.write_arrays(folder / "blobs.safetensors", {"inputs": inputs, "targets": targets})
    (folder / "models.py").write_text(MODELS)
    return folder


def flags(place: Path, model: str = "cnn", data: str = "blobs.safetensors") -> list[str]:
    return ["--data", str(place / data), "--model", f"{place / 'models.py'}:{model}"]


def said(capsys: Capture, *words: str) -> dict[str, Any]:
    assert main(["genome", *words, "--json", "--quiet"]) == 0
    out = capsys.readouterr()
    found: dict[str, Any] = json.loads(out.out)
    return found


def refused(capsys: Capture, *words: str) -> str:
    assert main(["genome", *words]) == 2
    out = capsys.readouterr()
    assert out.out == ""
    lines = [line for line in out.err.splitlines() if line != "loading"]
    assert len(lines) == 1, out.err
    return lines[0]


def test_a_cnn_becomes_genomes_a_page_and_a_newborn(place: Path, capsys: Capture) -> None:
    out = ("--out", str(place / "runs"))
    words = ("compress", *flags(place), *TINY, "--budgets", "700", "1000", *out)
    found = said(capsys, *words)
    assert [Path(path).stat().st_size <= size for path, size in
            zip(sorted(found["genomes"]), (1000, 700, 1000, 700))] == [True] * 4  # fmt: skip
    assert {point["method"] for point in found["points"]} == {
        "genome", "shuffled newborn", "pooled linear", "pruned and quantised"
    }  # fmt: skip
    text = Path(found["report"]).read_text()
    assert text.count("<svg") == 3
    assert "precocial genome compress" in text or "pytest" in text
    # a finished run is read, and `report` finds the same page
    assert said(capsys, *words) == found
    assert main(["report", found["run"], "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["headline"] == found["headline"]

    path = found["genomes"][0]
    newborn = said(capsys, "birth", path, *flags(place), "--out", str(place / "born.safetensors"))
    task = load_task(str(place / "blobs.safetensors"))
    model = load_model(f"{place / 'models.py'}:cnn")
    model.load_state_dict(load_file(newborn["weights"]))
    assert accuracy(model, task.test) == newborn["test"]
    assert newborn["bytes"] == Path(path).stat().st_size
    assert newborn["phenotype"] == sum(p.numel() for p in model.parameters())
    assert newborn["parameters"] == Genome.load(path).parameter_count
    norm = model[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert isinstance(norm.running_var, torch.Tensor)
    assert not torch.equal(norm.running_var, torch.ones(8))
    # another seed is another run
    other = said(capsys, *words, "--seed", "5", "--seeds", "1")
    assert other["run"] != found["run"]
    assert "seed5-700.genome" in other["genomes"][1]


def test_a_transformer_with_parameters_of_its_own_is_compressed(
    place: Path, capsys: Capture
) -> None:
    words = ("compress", *flags(place, "Rows"), *TINY, "--budgets", "1500", "--seeds", "1",
             "--rivals", "--out", str(place / "rows"))  # fmt: skip
    assert main(["genome", *words]) == 0
    out = capsys.readouterr()
    assert "At birth" in out.out
    assert "No rival was tried" in " ".join(out.out.split())
    assert "loading" in out.err
    assert "run folder:" in out.err


@pytest.mark.parametrize("loop", ["innate", "lamarck", "baldwin", "es"])
def test_each_loop_yields_a_genome(place: Path, capsys: Capture, loop: str) -> None:
    target = place / f"{loop}.genome"
    words = ("--data", str(place / "blobs.safetensors"), "--hidden", "6", "--generations", "2",
             "--bytes", "600", "--loop", loop, "--save", str(target),
             "--out", str(place / "evolved"))  # fmt: skip
    found = said(capsys, "evolve", *words)
    assert found["rows"][0]["generation"] == 0
    assert found["bytes"] == target.stat().st_size <= 600
    newborn = said(capsys, "birth", str(target), "--data", str(place / "blobs.safetensors"))
    assert newborn["test"] == found["test"]
    assert main(["report", found["run"], "--quiet"]) == 0
    assert f"Evolved by {loop}" in " ".join(capsys.readouterr().out.split())


def test_layers_are_handed_on(place: Path, capsys: Capture) -> None:
    words = ("--recipe", "smoke", "--hidden", "12", "--steps", "10", "--parameters", "500",
             "--out", str(place / "layers"))  # fmt: skip
    found = said(capsys, "transfer", *words)
    arms = [row["layers"] for row in found["gains"]]
    assert arms == ["none", "all", "first 1", "last 1", "trained all", "trained first 1",
                    "trained last 1"]  # fmt: skip
    assert "first layer" in found["headline"]
    assert "<svg" in Path(found["report"]).read_text()


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("nan", "1.weight (Linear) has NaN or infinite values"),
        ("lazy", "has no shape yet"),
        ("few", "give its last layer 3 outputs"),
        ("wrong", "the model fails on blobs, whose inputs are [2, 1, 6, 6]"),
        ("frozen", "1.weight is frozen"),
        ("wide", "scores [2, classes]; got [2, 3, 4, 4]"),
        ("bare", "has no parameters"),
        ("parametrized", "is parametrized"),
        ("seven", "must return a torch.nn.Module; got int"),
        ("quits", "fails: SystemExit: 3"),
        ("infinite", "NaN or infinite"),
        ("absent", "has no function 'absent'"),
    ],
)
def test_a_model_that_cannot_be_compressed_is_told_before_anything_is_trained(
    place: Path, capsys: Capture, model: str, told: str
) -> None:
    out = place / "none"
    assert told in refused(capsys, "compress", *flags(place, model), "--out", str(out))
    assert told in refused(capsys, "evolve", *flags(place, model), "--out", str(out))
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("compress --data nowhere", "which is none of them and no path"),
        ("compress --data nan.csv", "NaN or infinite"),
        ("compress --data one.csv", "at least two classes"),
        ("compress --data gap.csv", "numbered from 0 without gaps"),
        ("compress --data text.csv", "column 'a'"),
        ("compress --budgets 900 50", "needs at least"),
        ("compress --budgets 900 900", "budgets must differ"),
        ("compress --bits 40", "bits lie between 2 and 16"),
        ("compress --seeds 0", "at least 1"),
        ("compress --seed -1", "seed is at least 0"),
        ("compress --model models.py", "a model is FILE.py:function"),
        ("compress --model absent.py:f", "no such file"),
        ("compress --model broken.py:f", "SyntaxError"),
        ("compress --model models.py:cnn --hidden 3", "--hidden is of the perceptron"),
        ("evolve --bytes 9", "needs at least"),
        ("evolve --bytes 900 --ratio 3", "give exactly one of"),
        ("evolve --preset GN99", "'GN5', 'GN10', 'GN20'"),
        ("evolve --generations 0", "steps must be at least 1"),
        ("evolve --bits 1", "bits lie between 2 and 16"),
        ("transfer --hidden 0", "hidden units"),
        ("birth absent.genome", "no such file"),
        ("birth models.py", "is not a .genome file"),
        ("birth cut.genome", "is cut short or damaged"),
        ("birth altered.genome", "its checksum is wrong"),
        ("birth whole.genome --model models.py:cnn", "this genome is for another model"),
        ("birth whole.genome --data blobs.safetensors", "is not a perceptron's"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, words: str, told: str
) -> None:
    monkeypatch.chdir(place)
    Path("nan.csv").write_text("a,target\n1,0\nnan,1\n" + "1,0\n2,1\n" * 20)
    Path("one.csv").write_text("a,target\n" + "1,0\n2,0\n" * 20)
    Path("gap.csv").write_text("a,target\n" + "1,0\n2,1000000000000\n" * 20)
    Path("text.csv").write_text("a,target\nx,0\n")
    Path("broken.py").write_text("def f(:\n")
    genome = Genome.for_model(nn.Linear(5, 4), parameters=24)
    genome.save("whole.genome")
    data = Path("whole.genome").read_bytes()
    Path("cut.genome").write_bytes(data[:-3])
    Path("altered.genome").write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    assert told in refused(capsys, *words.split(), "--quiet")


def test_weights_need_no_model(place: Path, capsys: Capture) -> None:
    genome = Genome.for_model(nn.Linear(5, 4), parameters=24)
    genome.save(place / "linear.genome", bits=32)
    found = said(capsys, "birth", str(place / "linear.genome"))
    assert found["test"] is None
    assert "without a score" in found["notes"][0]
    weights = load_file(place / "linear.newborn.safetensors")
    for name, value in genome.express().items():
        assert torch.equal(weights[name], value.detach())


def test_edited_data_are_another_run(place: Path, capsys: Capture) -> None:
    rng = np.random.default_rng(1)
    words = ("evolve", "--data", str(place / "table.csv"), "--hidden", "3", "--generations", "1",
             "--parameters", "40", "--out", str(place / "edited"))  # fmt: skip
    found = []
    for _ in range(2):
        lines = [f"{rng.normal()},{rng.normal()},{k % 2}" for k in range(40)]
        (place / "table.csv").write_text("a,b,target\n" + "\n".join(lines) + "\n")
        found.append(said(capsys, *words)["run"])
    assert found[0] != found[1]


def test_a_layout_for_pictures_is_a_decoder(place: Path, capsys: Capture) -> None:
    words = ("--data", str(place / "blobs.safetensors"), "--decoder", "retinotopic")
    found = said(
        capsys, "compress", *words, *TINY, "--hidden", "36", "--budgets", "800", "--seeds", "1",
        "--rivals", "pooled linear", "--life-steps", "0", "--out", str(place / "laid-out"),
    )  # fmt: skip
    (path,) = found["genomes"]
    assert Genome.load(path).decoder_of("1.weight").kind == "receptive_fields"
    out = ("--out", str(place / "refused"))
    told = refused(capsys, "compress", *words, *TINY, "--hidden", "37", "--budgets", "800", *out)
    assert "37 hidden cells of an image 6 x 6 lie on no grid" in told
    told = refused(capsys, "evolve", *flags(place), "--decoder", "retinotopic", *out)
    assert "two linear layers on an image" in told


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("birth x.genome --out x.genome", "x.genome"),
        ("birth x.genome --data x.safetensors --out ./x.safetensors", "x.safetensors"),
        ("birth x.genome --data x.safetensors --out link.safetensors", "x.safetensors"),
        ("birth x.genome --model m.py:linear --out m.py", "m.py"),
        ("birth x.genome --data x.newborn.safetensors", "x.newborn.safetensors"),
        ("birth x.genome --data folder --out folder/train-images-idx3-ubyte",
         "folder/train-images-idx3-ubyte"),
        ("evolve --data x.safetensors --save x.safetensors", "x.safetensors"),
        ("evolve --data x.safetensors --model m.py:linear --save m.py", "m.py"),
    ],
)  # fmt: skip
def test_nothing_that_is_read_is_replaced(
    place: Path,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    kept: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("x.safetensors", "x.newborn.safetensors"):
        Path(name).write_bytes((place / "blobs.safetensors").read_bytes())
    Path("m.py").write_text(MODELS)
    Path("link.safetensors").symlink_to("x.safetensors")
    Path("folder").mkdir()
    Path("folder/train-images-idx3-ubyte").write_bytes(b"images")
    Genome.for_model(load_model("m.py:linear"), parameters=200).save("x.genome")
    before = Path(kept).read_bytes()
    assert "would replace the" in refused(capsys, *words.split(), "--quiet")
    assert Path(kept).read_bytes() == before


def test_a_newborn_does_not_take_the_name_of_the_data(place: Path, capsys: Capture) -> None:
    genome = Genome.for_model(load_model(f"{place / 'models.py'}:linear"), parameters=200)
    genome.save(place / "blobs.genome")
    before = (place / "blobs.safetensors").read_bytes()
    found = said(capsys, "birth", str(place / "blobs.genome"), *flags(place, "linear"))
    assert (place / "blobs.safetensors").read_bytes() == before
    assert Path(found["weights"]).name == "blobs.newborn.safetensors"


def test_neither_a_copy_of_the_data_nor_a_seed_changes_what_is_tested(
    place: Path, capsys: Capture
) -> None:
    genome = Genome.for_model(load_model(f"{place / 'models.py'}:linear"), parameters=200)
    genome.save(place / "split.genome")
    (place / "copy.safetensors").write_bytes((place / "blobs.safetensors").read_bytes())
    first, *others = (
        said(capsys, "birth", str(place / "split.genome"), *flags(place, "linear", data), *more)
        for data, more in (
            ("blobs.safetensors", ()),
            ("copy.safetensors", ()),
            ("blobs.safetensors", ("--seed", "5")),
        )
    )
    tasks = [load_task(str(place / f"{name}.safetensors")) for name in ("blobs", "copy")]
    assert torch.equal(tasks[0].test.inputs, tasks[1].test.inputs)
    assert [other["test"] for other in others] == [first["test"]] * 2
    assert [other["valid"] for other in others] == [first["valid"]] * 2
