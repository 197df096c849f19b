"""The parts of `make build` that can be seen without building."""

import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from bundle import contents, sizes, stripping, tools
from bundle.build import LAYERS, main
from bundle.tools import ROOT, BuildError
from local import backbones, recommended
from local.intrinsics import TagLoader

RUN_LOCK = (ROOT / "requirements/run.lock").read_text("utf-8")


@pytest.fixture(scope="module")
def template():
    return yaml.load((ROOT / "template.yaml").read_text("utf-8"), Loader=TagLoader)


def locked(folder):
    return (ROOT / "layers" / folder / "requirements.txt").read_text("utf-8")


def hashes(text):
    """The hashes below each `name==version`, of all lines of that name."""
    found = {}
    for name, below in re.findall(r"^([A-Za-z0-9._-]+==[^\s;\\]+)[^\n]*\n((?: +--hash=\S+[^\n]*\n?)+)", text, re.M):
        found.setdefault(name, set()).update(re.findall(r"sha256:[0-9a-f]{64}", below))
    return found


# --- versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", LAYERS.values())
def test_a_layer_holds_the_very_files_that_this_machine_runs(folder):
    here, deployed = hashes(RUN_LOCK), hashes(locked(folder))

    assert len(deployed) == len(stripping.pins(locked(folder))) > 3
    for name, expected in deployed.items():
        assert expected, name
        assert expected == here[name]


@pytest.mark.parametrize("folder", LAYERS.values())
def test_everything_asked_for_is_locked_and_nothing_names_a_registry(folder):
    asked = (ROOT / "requirements" / f"{folder}.in").read_text("utf-8").splitlines()

    assert {line for line in asked if not line.startswith("#")} <= set(stripping.pins(locked(folder)))
    for lock in (locked(folder), (ROOT / "requirements/sam.lock").read_text(), RUN_LOCK):
        assert "://" not in lock
        assert {word for word in lock.split() if word.startswith("-") and not word.startswith("--hash=")} == set()


def test_the_runtime_is_the_one_of_the_template(template):
    assert template["Globals"]["Function"]["Runtime"] == tools.RUNTIME
    for layer in LAYERS:
        assert template["Resources"][layer]["Metadata"]["BuildMethod"] == tools.RUNTIME


def test_the_services_kept_are_those_that_functions_may_use(template):
    functions = [body for body in template["Resources"].values() if body["Type"] == "AWS::Serverless::Function"]
    roles = [template["Resources"][body["Properties"]["Role"]["Fn::GetAtt"][0]] for body in functions]
    actions = re.findall(r"'(\w+):[A-Z]\w+'", str([role["Properties"]["Policies"] for role in roles]))

    assert set(actions) - {"iam", "logs", "xray"} == stripping.SERVICES, "PassRole is no call; Lambda does the others"


@pytest.mark.parametrize(
    ("present", "told"),
    [
        (["requests-2.0.dist-info", "Flat_Buffers-1.5.post1.dist-info"], None),
        (["requests-2.1.dist-info", "flat_buffers-1.5.post1.dist-info"], "requests 2.0, requests 2.1"),
        (["requests-2.0.dist-info"], "flat-buffers"),
        (["requests-2.0.dist-info", "flat_buffers-1.5.post1.dist-info", "more-1.dist-info"], "more 1"),
    ],
)
def test_other_versions_than_the_pinned_end_the_build(tmp_path, present, told):
    pinned = tmp_path / "requirements.txt"
    pinned.write_text("requests==2.0 \\\n    --hash=sha256:ab\nflat.buffers==1.5.post1 ; python_version > '3'\n")
    for name in present:
        (tmp_path / "CommonLayer/python" / name).mkdir(parents=True)

    if told is None:
        stripping.check_pins(tmp_path / "CommonLayer", pinned)
    else:
        with pytest.raises(BuildError, match=told):
            stripping.check_pins(tmp_path / "CommonLayer", pinned)


# --- what stays and what goes ---------------------------------------------------------------------


def test_what_a_program_reads_stays_and_the_rest_goes(tmp_path):
    stay = [
        "swipr/api/parts.py", "botocore/data/s3/2006-03-01/service-2.json.gz", "botocore/data/endpoints.json",
        "numpy/testing/__init__.py", "tzdata/zoneinfo/Europe/Berlin", "certifi/cacert.pem", "pydantic/v1/main.py",
    ]  # fmt: skip
    go = [
        "requirements.txt", "requests-2.0.dist-info/METADATA", "numpy/core/tests/test_a.py", "numpy/a.pyi",
        "a/py.typed", "botocore/data/ec2/2016-11-15/service-2.json.gz", "boto3/examples/s3.rst",
        "swipr/__pycache__/api.cpython-311.pyc",
        "numpy/_core/include/a.h", "bin/f2py", "jmespath-1.0.data/scripts/jp.py",
    ]  # fmt: skip
    root = tmp_path / "CommonLayer/python"
    for name in stay + go:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")

    stripping.strip(tmp_path / "CommonLayer")

    assert sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()) == sorted(stay)


def test_a_function_that_is_too_large_ends_the_build():
    size = {"A": sizes.Size(10, 5), "B": sizes.Size(20, 5), "L": sizes.Size(91, 40)}
    built = sizes.Built({"A": ("L",), "B": ("L",)}, size)

    sizes.refuse_large(built, largest=111)
    with pytest.raises(BuildError, match="B has") as caught:
        sizes.refuse_large(built, largest=110)

    assert "A has" not in str(caught.value)


def test_folders_are_measured_as_the_built_template_names_them(tmp_path):
    (tmp_path / "Judge").mkdir()
    (tmp_path / "Layer").mkdir()
    (tmp_path / "Judge/app.py").write_bytes(b"a" * 1000)
    (tmp_path / "Layer/data").write_bytes(b"b" * 500_000)
    (tmp_path / "template.yaml").write_text(
        "Resources:\n"
        "  Judge: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: Judge, Layers: [{Ref: Layer}]}}\n"
        "  Layer: {Type: 'AWS::Serverless::LayerVersion', Properties: {ContentUri: Layer}}\n"
        "  Other: {Type: 'AWS::SQS::Queue'}\n"
    )

    built = sizes.measure(tmp_path)

    assert built.whole("Judge") == 501_000
    assert built.sizes["Layer"].zipped < 5_000
    assert "Judge" in sizes.table(built)


# --- tools ----------------------------------------------------------------------------------------


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_python_that_does_not_work_is_passed_over(tmp_path):
    shim = program(tmp_path / "shims/python3.13", "echo 'python3.13: command not found' >&2; exit 127")
    works = program(tmp_path / "bin/python3.13", "exit 0")

    assert tools.python([tmp_path / "none/python3.13", shim, works]) == works


def test_no_python_at_all_is_told_with_the_next_step(tmp_path):
    with pytest.raises(BuildError, match=r"no python3\.13 with pip") as caught:
        tools.python([tmp_path / "python3.13"])

    assert "Next: install it" in str(caught.value)


def test_a_build_without_python_or_sam_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))

    assert main(["--target", str(tmp_path / "build")]) == 1
    assert "python3.13" in capsys.readouterr().err

    program(tmp_path / "python3.13", "exit 0")
    monkeypatch.setattr(tools, "ENVIRONMENT", tmp_path / "no-sam")

    assert main(["--target", str(tmp_path / "build")]) == 1
    assert "SAM is not installed" in capsys.readouterr().err


def test_ci_runs_all_proofs_and_those_of_the_build_and_the_emulator_cannot_skip():
    steps = re.findall(r"^make (.+)$", (ROOT / ".ci/run").read_text("utf-8"), re.M)
    recipes = dict(re.findall(r"^(test-[a-z]+):.*\n\t@(.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M))

    assert steps == ["test", "test-aws", "faults", 'test-all ARGS="-m slow"']
    assert "SWIPR_REQUIRE_AWS=1" in recipes["test-aws"]
    assert recipes["test-all"].startswith("SWIPR_REQUIRE_BUILD=1 SWIPR_REQUIRE_AWS=1 ")


@pytest.mark.parametrize("target", ["test-aws", "test-all"])
def test_what_is_told_to_the_tests_is_not_told_to_the_build_before_them(target):
    def builds(*goals):
        make = ["make", "-n", *goals, "ARGS=-m slow"]
        ran = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        return re.findall(r"-m bundle\.build *(.*)$", ran.stdout, re.M)

    assert builds(target) == [""]
    assert builds("build") == ["-m slow"]


def test_without_the_python_of_lambda_no_other_becomes_the_emulator_s(tmp_path):
    # Its own message is what is seen; another Python's environment would fail much later, in other words.
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (recipe,) = re.findall(r"^\$\(AWS\)/python:.*\n\t@(.*)$", makefile, re.M)
    shell = recipe.replace("$(BIN)/python -m bundle.tools", "exit 1").replace("$(AWS)", str(tmp_path / "v"))

    assert subprocess.run(["sh", "-c", shell.replace("$$", "$")], cwd=ROOT, timeout=60, check=False).returncode == 1
    assert not (tmp_path / "v").exists()


# --- contents -------------------------------------------------------------------------------------


def test_the_recommended_backbone_is_taken_where_it_is_installed(tmp_path):
    built_in = backbones.SHIPPED / backbones.BUILT_IN
    assert contents.chosen_backbone(None, tmp_path) == built_in

    installed = backbones.home(tmp_path) / recommended.NAME
    installed.mkdir(parents=True)

    assert contents.chosen_backbone(None, tmp_path) == installed
    assert contents.chosen_backbone(backbones.BUILT_IN, tmp_path) == built_in


def test_the_built_in_backbone_goes_in_whole_and_a_damaged_one_does_not(tmp_path):
    said = contents.put_backbone(tmp_path / made(tmp_path, "one"), None, tmp_path)
    broken = tmp_path / "one/python/backbone"
    (broken / "reference.f32").write_bytes(b"1234")

    assert "swipr-builtin" in said
    for named in (str(broken), "nosuch"):
        with pytest.raises(BuildError, match="backbone"):
            contents.put_backbone(tmp_path / made(tmp_path, f"two-{len(named)}"), named, tmp_path)


def made(folder: Path, name: str) -> str:
    (folder / name / "python").mkdir(parents=True)
    return name


def test_the_console_goes_in_as_the_api_serves_it(tmp_path):
    contents.put_console(tmp_path / made(tmp_path, "layer"))

    there = {path.name for path in (tmp_path / "layer/python/console").iterdir()}
    assert {"index.html", "app.js", "console.css"} <= there
