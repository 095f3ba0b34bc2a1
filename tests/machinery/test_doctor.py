from proxylab.__main__ import main


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


def test_outside_a_project_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("PROXYLAB_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 1
    assert "_quarto.yml" in capsys.readouterr().err
