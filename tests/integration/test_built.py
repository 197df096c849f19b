"""What `make build` makes, run by Lambda's own runtime on its emulator: no Docker, no account."""

import base64
import copy
import io
import json
import os
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bundle import emulator, sizes, stripping, tools
from bundle.build import LAYERS, build
from local import backbone_folder, backbones
from swipr import backbone, heads
from swipr.photo_judge import PhotoJudge
from tests.aws_door import aws_door
from tests.integration.photo_server import serving
from tests.moto_world import moto_world
from training.drawings import draw

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
EVENT = json.loads((ROOT / "tests" / "events" / "http_api_jwt.json").read_text("utf-8"))
BUILT_IN = backbones.SHIPPED / backbones.BUILT_IN
REQUIRED = "SWIPR_REQUIRE_BUILD"


def missing():
    """What a build and its run need and do not find here."""
    if sys.platform != "linux":
        return "the emulator runs on Linux only"
    if not (tools.ENVIRONMENT / "ready").is_file() or not (tools.RUNTIME_CLIENT / "ready").is_file():
        return "SAM and the emulator are not installed: make emulator"
    try:
        tools.python()
    except tools.BuildError as error:
        return str(error).splitlines()[0]
    return None


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    reason = missing()
    if reason and os.environ.get(REQUIRED) != "1":
        pytest.skip(f"{reason} (fails instead where {REQUIRED}=1)")
    assert reason is None
    target = tmp_path_factory.mktemp("built") / "build"
    made = build(target, backbone=backbones.BUILT_IN, data=ROOT / "nowhere", architecture="x86_64")
    return target, made


@pytest.fixture
def run(built, tmp_path):
    target, _ = built

    def started(function, handler="app.lambda_handler", **environment):
        inner = {"BACKBONE_DIR": target / "InferenceLayer/python/backbone"}
        inner |= {"CONSOLE_DIR": target / "CommonLayer/python/console"}
        own = {name: str(value) for name, value in (inner | environment).items()}
        return emulator.running(target, function, handler, own, tmp_path)

    return started


@pytest.fixture(scope="module")
def photos():
    made = []
    for number, pixels in enumerate(draw(6, 200, seed=5)):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, ("JPEG", "PNG", "WEBP")[number % 3], quality=90)
        made.append(stream.getvalue())
    return made


@pytest.fixture(scope="module")
def head():
    network = backbone.load(BUILT_IN)
    weights = np.random.default_rng(0).normal(size=network.dimensions).astype("<f4").tobytes()
    packed = heads.pack(heads.Head(network.sha256, 0.25, 1.0, 0.0, 0.5, 0.5, 0.5, weights))
    return base64.b64encode(packed).decode()


# --- the judge ------------------------------------------------------------------------------------


def test_the_built_judge_answers_as_the_one_in_the_tree(run, photos, head):
    inline = [{"id": str(n), "data": base64.b64encode(photo).decode()} for n, photo in enumerate(photos)]

    with serving({f"/{n}": photo for n, photo in enumerate(photos)}) as served:
        by_address = [{"id": str(n), "url": f"{served.origin}/{n}?signature=x"} for n in range(len(photos))]
        expected = PhotoJudge(backbone.load(BUILT_IN), served.origin)({"photos": inline, "heads": [head]})
        with run("Judge", PHOTO_ORIGIN=served.origin) as judge:
            answers = [judge({"photos": sent, "heads": [head]}) for sent in (inline, by_address)]

    assert not [photo for photo in expected["photos"] if "error" in photo]
    for answer in answers:
        assert {**answer, "ms": 0, "photos": []} == {**expected, "ms": 0, "photos": []}
        for one, other in zip(answer["photos"], expected["photos"], strict=True):
            assert (one["id"], one["qualities"]) == (other["id"], other["qualities"])
            assert one["logits"] == pytest.approx(other["logits"], abs=1e-4)  # another numpy, another order of photos
            assert features(one) == pytest.approx(features(other), abs=1e-3)


def features(photo):
    return np.frombuffer(base64.b64decode(photo["features"]), "<f2").astype(float)


def test_the_built_judge_says_what_is_wrong_with_a_request(run):
    with run("Judge", PHOTO_ORIGIN="http://127.0.0.1:1") as judge:
        answer = judge({"photos": "none", "heads": []})
        bad = judge({"photos": [{"id": "a", "data": base64.b64encode(b"GIF89a").decode()}], "heads": []})

    assert answer["errorType"] == "InputError"
    assert answer["errorMessage"].startswith("photos:")
    assert set(bad["photos"][0]) == {"id", "error"}


# --- the other functions --------------------------------------------------------------------------


def asked(path, method="GET"):
    event = copy.deepcopy(EVENT) | {"rawPath": path, "body": None, "rawQueryString": "", "queryStringParameters": {}}
    event["requestContext"]["http"] |= {"method": method, "path": path}
    return event


@pytest.fixture
def aws():
    """The environment of functions whose AWS is moto, with what template.yaml declares in it."""
    with moto_world() as world, aws_door() as address:
        region = {"AWS_REGION": os.environ["AWS_REGION"], "AWS_DEFAULT_REGION": os.environ["AWS_REGION"]}
        yield dict(world.environment) | region | {"AWS_ENDPOINT_URL": address}


def without_folders(environment):
    return {name: value for name, value in environment.items() if name not in ("BACKBONE_DIR", "CONSOLE_DIR")}


def test_the_built_api_serves_the_page_and_answers_about_a_user(run, aws):
    with run("Api", **without_folders(aws)) as api:
        page, script = api(asked("/")), api(asked("/console/app.js"))
        status, lost = api(asked("/v1/status")), api(asked("/v1/nothing"))

    assert (page["statusCode"], page["body"]) == (200, (ROOT / "console/index.html").read_text("utf-8"))
    assert (script["statusCode"], script["body"]) == (200, (ROOT / "console/app.js").read_text("utf-8"))
    assert status["statusCode"] == 200
    assert json.loads(status["body"])["switch"] == "off"
    assert lost["statusCode"] == 404


def test_without_aws_the_built_api_says_so_and_nothing_of_its_inside(run, aws):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]

    with run("Api", **without_folders(aws) | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{closed}"}) as api:
        page, status = api(asked("/")), api(asked("/v1/status"))

    assert page["statusCode"] == 200
    assert status["statusCode"] >= 500
    assert status["headers"]["Content-Type"] == "application/problem+json"
    assert not [word for word in ("127.0.0.1", "Traceback", "botocore", "dynamodb") if word in status["body"]]


@pytest.mark.parametrize(
    ("function", "handler", "event"),
    [
        ("SwipeTick", "app.tick_handler", {}),
        ("SwipeSession", "app.session_handler", {"Records": []}),
        ("Feedback", "app.lambda_handler", {"Records": []}),
    ],
)
def test_every_other_built_function_starts_and_answers(run, aws, function, handler, event):
    with run(function, handler, **without_folders(aws)) as called:
        answer = called(event)

    assert not isinstance(answer, dict) or "errorType" not in answer


# --- what is in it --------------------------------------------------------------------------------


def test_every_function_is_small_with_its_layers(built):
    _, made = built

    sizes.refuse_large(made)

    assert set(made.functions) == {"SwipeTick", "SwipeSession", "Judge", "Feedback", "Api"}
    assert made.whole("Judge") <= 125 * sizes.MB
    assert made.whole("Judge") > 50 * sizes.MB  # all of it was measured


def test_every_module_has_bytecode_that_is_never_compared_with_its_source(built):
    target, _ = built
    modules = list(target.rglob("*.py"))

    for module in modules:
        (compiled,) = module.parent.glob(f"__pycache__/{module.stem}.cpython-313.pyc")
        assert int.from_bytes(compiled.read_bytes()[4:8], "little") == 1, module
    assert len(modules) > 500


def test_the_layers_hold_program_console_and_backbone_and_no_leftovers(built):
    target, _ = built
    common, inference = (target / layer / "python" for layer in LAYERS)

    names = {path.name for path in (ROOT / "layers/common/swipr").rglob("*.py")}
    assert names == {path.name for path in (common / "swipr").rglob("*.py")}
    assert {path.name for path in (common / "console").iterdir()} == {
        path.name for path in (ROOT / "console").iterdir() if path.is_file()
    }
    assert backbone_folder.check(inference / "backbone")["sha256"] == backbone_folder.read_card(BUILT_IN)["sha256"]
    assert {path.name for path in (common / "botocore/data").iterdir() if path.is_dir()} == stripping.SERVICES
    left = [
        path for path in target.rglob("*") if path.name in ("tests", "requirements.txt") or ".dist-info" in path.name
    ]
    assert left == []


def test_no_path_of_the_machine_that_built_is_in_the_bytecode(built):
    target, _ = built
    compiled = list(target.rglob("*.pyc"))

    assert [path for path in compiled if str(target).encode() in path.read_bytes()] == []
    assert b"/opt/python/swipr/photo_judge.py" in next(target.rglob("photo_judge.*.pyc")).read_bytes()
