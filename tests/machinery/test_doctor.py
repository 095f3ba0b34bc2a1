import pytest
import torch
from proxylab import doctor
from proxylab.__main__ import main
from proxylab.results import provenance


def test_doctor_speaks_in_sentences_and_finds_the_data(project, monkeypatch, capsys):
    monkeypatch.setenv("PROXYLAB_DATA", str(project))
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.endswith(".")] == []
    assert f"Real preference data is read from {project}." in lines
    assert "There is no git commit here: runs will record none." in lines
    monkeypatch.setenv("PROXYLAB_DATA", "nowhere")
    main(["doctor"])
    assert "PROXYLAB_DATA names nowhere, which is not a folder." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("named", "sentence", "recorded"),
    [
        (None, "Models run on 1 x Toy GPU.", "1 x Toy GPU"),
        ("cpu", "PROXYLAB_DEVICE=cpu: models run on the processor.", None),
    ],
)
def test_the_device_is_the_one_that_models_take(monkeypatch, named, sentence, recorded):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda _: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Toy GPU")
    set_device(monkeypatch, named)
    assert doctor._device() == sentence
    assert provenance.hardware()["accelerator"] == recorded


def test_a_device_that_no_model_takes_is_not_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)  # "auto" takes no MPS
    set_device(monkeypatch, None)
    assert doctor._device() == "No GPU is seen: models run on the processor."
    assert provenance.accelerator() is None
    set_device(monkeypatch, "cudda")
    assert "PROXYLAB_DEVICE='cudda' cannot be used here" in doctor._device()
    assert provenance.accelerator() is None


def set_device(monkeypatch, named):
    if named is None:
        monkeypatch.delenv("PROXYLAB_DEVICE", raising=False)
    else:
        monkeypatch.setenv("PROXYLAB_DEVICE", named)


def test_outside_a_project_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("PROXYLAB_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 1
    assert "_quarto.yml" in capsys.readouterr().err
