"""What linting alone passes but a deployment, or a promise, would not."""

import copy
import json
import re
from collections import Counter

import pytest
from cfnlint.api import lint_file
from cfnlint.decode.cfn_yaml import load as load_cfn

from swipr.settings import Settings
from tests.template_reading import ROOT, TEMPLATE, functions, listed, of_type, read, rights, translate, walk

#: Read by libraries or, in the judge's case, by its own builder: see style.md "Handlers".
NOT_SETTINGS = {"LOG_LEVEL", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_DISABLED"}
JUDGE_ONLY = {"BACKBONE_DIR", "PHOTO_ORIGIN"}
#: Read by the arithmetic below numpy, not by Swipr.
ARITHMETIC = {"OPENBLAS_NUM_THREADS"}
#: What AWS grants on everything or not at all.
BOUNDLESS = {"ecr:GetAuthorizationToken", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}


@pytest.fixture(scope="module")
def source():
    return read(TEMPLATE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def translated(source):
    return translate(source)


# --- checks, each of which must be able to fail (see the planted faults below) -------------------------


def references(resource):
    """Logical ids that CloudFormation must create before this resource."""
    for path, value in walk(resource):
        last = path[-1] if path else None
        if last == "Ref":
            yield value
        elif last == "Fn::GetAtt":
            yield value[0] if isinstance(value, list) else value.split(".")[0]
        elif last == "Fn::Sub":
            text, known = (value, {}) if isinstance(value, str) else (value[0], value[1])
            names = re.findall(r"\$\{([^!][^}]*)\}", text)
            yield from (name.split(".")[0] for name in names if name not in known)
        elif path == ("DependsOn",):
            yield from [value] if isinstance(value, str) else value


def cycles(translated):
    resources = translated["Resources"]
    edges = {name: {r for r in references(body) if r in resources} for name, body in resources.items()}
    found, done = [], set()

    def visit(name, trail):
        if name in trail:
            found.append([*trail[trail.index(name) :], name])
        elif name not in done:
            for other in sorted(edges[name]):
                visit(other, [*trail, name])
            done.add(name)

    for name in edges:
        visit(name, [])
    return found


def dangling(translated):
    known = set(translated["Resources"]) | set(translated.get("Parameters", {}))
    return {
        f"{name} -> {other}"
        for name, body in translated["Resources"].items()
        for other in references(body)
        if other not in known and not other.startswith("AWS::")
    }


def generated_id_clashes(source):
    """Ids that SAM makes of function and event, and that the template uses itself."""
    made = Counter(list(source["Resources"]))
    for name, body in functions(source).items():
        made.update(f"{name}{event}" for event in body.get("Events", {}))
        made.update(f"{name}{suffix}" for suffix in ("EventInvokeConfig", *([] if "Role" in body else ["Role"])))
    return {name for name, count in made.items() if count > 1}


def early_redeliveries(source):
    """Queues that show a message again while the function may still be working on it."""
    early = set()
    queues = of_type(source, "AWS::SQS::Queue")
    for body in functions(source).values():
        for event in body.get("Events", {}).values():
            if event["Type"] == "SQS":
                name = event["Properties"]["Queue"]["Fn::GetAtt"][0]
                if queues[name]["VisibilityTimeout"] < 6 * body["Timeout"]:
                    early.add(name)
    return early


def immortal_ticks(source):
    """Schedules whose event, or whose hand-over inside Lambda, may outlive the shortest rate that is allowed."""
    found = set()
    pattern = source["Parameters"]["TickRate"]["AllowedPattern"]
    shortest_s = 60 * min(n for n in range(60) if re.fullmatch(pattern, f"rate({n} minutes)"))
    for name, body in functions(source).items():
        for event in body.get("Events", {}).values():
            if event["Type"] == "ScheduleV2":
                policy, invoke = event["Properties"]["RetryPolicy"], body["EventInvokeConfig"]
                ages = policy["MaximumEventAgeInSeconds"], invoke["MaximumEventAgeInSeconds"]
                if max(ages) >= shortest_s or policy["MaximumRetryAttempts"] > 2:
                    found.add(name)
    return found


def too_broad(document):
    """Statements that allow an action with a star, or everything; but for those that know no resource to name."""
    return [
        value
        for _, value in walk(document)
        if isinstance(value, dict) and value.get("Effect") == "Allow" and _starred(value)
    ]


def _starred(statement):
    actions, resources = listed(statement.get("Action", [])), listed(statement.get("Resource", []))
    return any("*" in action for action in actions) or ("*" in resources and not set(actions) <= BOUNDLESS)


def queues_without_dead_letters(source):
    queues = of_type(source, "AWS::SQS::Queue")
    dead = {
        body["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for body in queues.values()
        if "RedrivePolicy" in body
    }
    consumed = {
        event["Properties"]["Queue"]["Fn::GetAtt"][0]
        for body in functions(source).values()
        for event in body.get("Events", {}).values()
        if event["Type"] == "SQS"
    }
    return {name for name in consumed - dead if "RedrivePolicy" not in queues[name]}


def careless_tables(source):
    return {
        name
        for name, body in of_type(source, "AWS::DynamoDB::Table").items()
        if not body.get("SSESpecification", {}).get("SSEEnabled")
        or not body.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
        or body.get("BillingMode") != "PAY_PER_REQUEST"
        # Kept when the stack goes, but not when its first deployment fails: the next one would find the name taken.
        or source["Resources"][name].get("DeletionPolicy") != "RetainExceptOnCreate"
        or source["Resources"][name].get("UpdateReplacePolicy") != "Retain"
    }


# --- what holds of our template --------------------------------------------------------------------


def test_lint_finds_nothing():
    assert [f"{m.rule.id} line {m.linenumber}: {m.message}" for m in lint_file(TEMPLATE)] == []


def test_no_logical_id_is_written_twice():
    load_cfn(str(TEMPLATE))  # raises on a doubled key, which plain YAML readers silently merge


def test_no_logical_id_clashes_with_a_generated_one(source):
    assert generated_id_clashes(source) == set()


def test_translation_keeps_every_resource(source, translated):
    assert set(source["Resources"]) - set(translated["Resources"]) <= {"CommonLayer", "InferenceLayer"}


def test_no_reference_cycles_and_no_loose_ends(translated):
    assert cycles(translated) == []
    assert dangling(translated) == set()


def test_environment_is_the_settings(source):
    shared = set(source["Globals"]["Function"]["Environment"]["Variables"])
    own = {n: set(f.get("Environment", {}).get("Variables", {})) for n, f in functions(source).items()}
    everything = shared.union(*own.values())

    assert everything - NOT_SETTINGS - JUDGE_ONLY - ARITHMETIC == {name.upper() for name in Settings.model_fields}
    assert own["Judge"] == JUDGE_ONLY | ARITHMETIC
    assert own["Feedback"] >= ARITHMETIC, "one BLAS thread, where heads are fitted"
    assert not any(names & JUDGE_ONLY for name, names in own.items() if name != "Judge")


def test_what_settings_demand_is_shared_by_all_functions(source):
    required = {name.upper() for name, field in Settings.model_fields.items() if field.is_required()}

    assert required <= set(source["Globals"]["Function"]["Environment"]["Variables"])


def test_parameter_defaults_are_the_settings_defaults(source):
    parameters = source["Parameters"]
    for parameter, field in [
        ("TinderApi", "tinder_api"),
        ("TinderPhotoHosts", "tinder_photo_hosts"),
        ("TinderLikeMethod", "tinder_like_method"),
        ("TinderPassMethod", "tinder_pass_method"),
        ("TinderPlatform", "tinder_platform"),
        ("SimulatorApi", "simulator_api"),
        ("DecisionDays", "decision_days"),
        ("SessionPhotoDays", "session_photo_days"),
        ("CodeVersion", "code_version"),
        ("Trainer", "trainer"),
        ("TrainerImage", "trainer_image"),
    ]:
        assert parameters[parameter]["Default"] == Settings.model_fields[field].default


def test_globals_do_not_name_a_function(source):
    assert not set(references(source["Globals"])) & set(functions(source))


def test_messages_stay_hidden_six_times_the_time_out(source):
    assert early_redeliveries(source) == set()


def test_what_is_named_is_not_left_behind_by_a_failed_first_deployment(source):
    named = {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table"}
    policies = {body.get("DeletionPolicy") for body in source["Resources"].values() if body["Type"] in named}

    assert policies == {"RetainExceptOnCreate"}


def test_a_second_stack_has_a_schedule_of_its_own(translated):
    schedules = list(of_type(translated, "AWS::Scheduler::Schedule").values())

    assert len(schedules) == 1
    assert "Name" not in schedules[0]


def test_late_ticks_die_before_the_next(source):
    assert immortal_ticks(source) == set()


def test_every_consumed_queue_has_dead_letters_and_encryption(source):
    assert queues_without_dead_letters(source) == set()
    assert all(q.get("SqsManagedSseEnabled") for q in of_type(source, "AWS::SQS::Queue").values())


def test_tables_are_encrypted_recoverable_and_kept(source):
    assert careless_tables(source) == set()
    tables = of_type(source, "AWS::DynamoDB::Table")
    assert set(tables) == {"Users", "Decisions", "Acted", "Labels", "Models", "Matches", "Requests"}
    assert {n for n, t in tables.items() if "TimeToLiveSpecification" in t} == {"Decisions", "Matches", "Requests"}


def test_no_function_may_more_than_it_names(source, translated):
    assert too_broad(of_type(source, "AWS::IAM::Role")) == []
    assert too_broad(of_type(translated, "AWS::IAM::Role")) == []


def test_no_function_may_write_where_writing_triggers_it(source):
    triggering = {
        (name, rule["Value"])
        for name, body in functions(source).items()
        for event in body.get("Events", {}).values()
        if event["Type"] == "S3"
        for rule in event["Properties"]["Filter"]["S3Key"]["Rules"]
        if rule["Name"] == "prefix"
    }

    assert triggering == {("Feedback", "labels/"), ("Feedback", "inbox/")}
    assert {name for name, places in written(source) if "/inbox/" in places} == set()
    # the API's right to it is the one that a presigned form carries
    assert {name for name, places in written(source) if "/labels/" in places} == {"Api"}
    assert any("/sessions/" in places for _, places in written(source))  # the search finds what may be written


def written(source):
    """Who may write objects, and where: the resources of every such statement as text."""
    return [
        (name, json.dumps(value["Resource"]))
        for name in functions(source)
        for _, value in walk(rights(source, name))
        if isinstance(value, dict) and "s3:PutObject" in value.get("Action", [])
    ]


def test_time_outs_are_in_order(source):
    timeout_s = {name: body["Timeout"] for name, body in functions(source).items()}

    assert timeout_s["Api"] < 30  # the gateway's
    assert timeout_s["Judge"] < timeout_s["SwipeSession"]
    assert timeout_s["SwipeTick"] < functions(source)["SwipeTick"]["EventInvokeConfig"]["MaximumEventAgeInSeconds"]


def test_bucket_is_closed_and_speaks_tls_only(source):
    bucket = of_type(source, "AWS::S3::Bucket")["Bucket"]
    rules = of_type(source, "AWS::S3::BucketPolicy")["BucketRules"]["PolicyDocument"]["Statement"]

    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert bucket["BucketEncryption"]
    assert rules[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert [rule["Effect"] for rule in rules] == ["Deny"]


@pytest.mark.parametrize("name", ["SwipeTick", "SwipeSession", "Judge", "Feedback", "Api"])
def test_handler_exists(source, name):
    body = functions(source)[name]
    module, _, handler = body["Handler"].rpartition(".")
    code = ROOT / body["CodeUri"] / f"{module}.py"

    assert re.search(rf"^(def {handler}\(|{handler} = )", code.read_text(encoding="utf-8"), re.MULTILINE)


def test_layers_exist(source):
    for body in of_type(source, "AWS::Serverless::LayerVersion").values():
        assert (ROOT / body["ContentUri"]).is_dir()


# --- planted faults: each check finds the one it is there for ---------------------------------------


def planted(source, change):
    faulty = copy.deepcopy(source)
    change(faulty["Resources"])
    return faulty


def test_planted_cycle_is_found(source):
    def name_bucket_by_reference(resources):
        policy = resources["FeedbackRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        policy.append({"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::GetAtt": ["Bucket", "Arn"]}})

    found = cycles(translate(planted(source, name_bucket_by_reference)))

    assert any("Bucket" in cycle for cycle in found)


def test_planted_self_reference_in_globals_is_found(source):
    faulty = copy.deepcopy(source)
    faulty["Globals"]["Function"]["Environment"]["Variables"]["JUDGE_FUNCTION"] = {"Ref": "Judge"}

    assert any("Judge" in cycle for cycle in cycles(translate(faulty)))


def test_planted_loose_end_is_found(source):
    def misspell(resources):
        resources["Api"]["Properties"]["Environment"]["Variables"]["REFITS_QUEUE_URL"] = {"Ref": "Refitz"}

    assert dangling(translate(planted(source, misspell))) == {"Api -> Refitz"}


def test_planted_id_clash_is_found(source):
    clash = planted(source, lambda resources: resources.update(SwipeTickTick=resources["TicksDead"]))

    assert generated_id_clashes(clash) == {"SwipeTickTick"}


def test_planted_short_visibility_is_found(source):
    def shorten(resources):
        resources["SwipeSessions"]["Properties"]["VisibilityTimeout"] = 300

    assert early_redeliveries(planted(source, shorten)) == {"SwipeSessions"}


@pytest.mark.parametrize("where", ["RetryPolicy", "EventInvokeConfig"])
def test_planted_old_tick_is_found(source, where):
    def age(resources):
        properties = resources["SwipeTick"]["Properties"]
        holder = properties if where == "EventInvokeConfig" else properties["Events"]["Tick"]["Properties"]
        holder[where]["MaximumEventAgeInSeconds"] = 120

    assert immortal_ticks(planted(source, age)) == {"SwipeTick"}


def test_planted_star_is_found():
    assert too_broad({"Effect": "Allow", "Action": "dynamodb:*", "Resource": "arn"})
    assert too_broad({"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]})
    assert too_broad({"Effect": "Allow", "Action": ["s3:GetObject", "xray:PutTraceSegments"], "Resource": "*"})


def test_planted_missing_redrive_is_found(source):
    faulty = planted(source, lambda resources: resources["Refits"]["Properties"].pop("RedrivePolicy"))

    assert queues_without_dead_letters(faulty) == {"Refits"}


@pytest.mark.parametrize("lost", ["SSESpecification", "PointInTimeRecoverySpecification", "BillingMode"])
def test_planted_careless_table_is_found(source, lost):
    faulty = planted(source, lambda resources: resources["Acted"]["Properties"].pop(lost))

    assert careless_tables(faulty) == {"Acted"}


def test_planted_doubled_id_is_found(tmp_path):
    doubled = tmp_path / "template.yaml"
    queue = "  Twice: {Type: AWS::SQS::Queue}\n"
    doubled.write_text(f"Resources:\n{queue}{queue}", encoding="utf-8")

    with pytest.raises(Exception, match="Duplicate"):
        load_cfn(str(doubled))
