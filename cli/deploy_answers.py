"""What a deployment is asked for once, checked, and remembered in a file beside the program."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

import yaml

from local.intrinsics import TagLoader, TemplateError
from local.template import read_application
from swipr.errors import InputError

ROOT: Final = Path(__file__).resolve().parents[1]
FILE: Final = ROOT / ".swipr-deploy.toml"
TEMPLATE: Final = ROOT / "template.yaml"
ACCOUNT_CHARACTERS: Final = 12
#: Of a bucket's name and of a sign-in domain's, both of which begin with the stack's name.
NAME_CHARACTERS: Final = 63
#: Words that Cognito takes in no domain, and beginnings that S3 takes in no bucket.
FORBIDDEN_WORDS: Final = ("aws", "amazon", "cognito")
FORBIDDEN_STARTS: Final = ("xn--", "sthree-", "amzn-s3-demo-")
#: What a deployment finds out or is asked for by another name.
NOT_BY_PARAMETER: Final = {"AlarmEmail", "Architecture", "CodeVersion", "MonthlyBudgetUsd", "TickRate"}
_EMAIL = re.compile(r"[^@\s\"\\]+@[^@\s\"\\]+\.[^@\s\"\\]+")
_HEAD = "# Answers of `swipr deploy`; no secrets. Edit it, or run `swipr deploy --again`.\n"


@dataclass(frozen=True)
class Answers:
    """`parameters` are further ones of template.yaml, by their names there."""

    stack: str = "swipr"
    region: str = ""
    email: str = ""
    alarm_email: str = ""
    monthly_budget_usd: int = 0
    tick_minutes: int = 5
    architecture: str = "x86_64"
    backbone: str = ""
    artifacts: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    def overrides(self) -> dict[str, str]:
        """What the template is told other than its defaults."""
        own = {
            "AlarmEmail": self.alarm_email,
            "Architecture": self.architecture,
            "MonthlyBudgetUsd": str(self.monthly_budget_usd),
            "TickRate": f"rate({self.tick_minutes} minutes)",
        }
        return own | dict(self.parameters)


def told(answers: Answers) -> dict[str, str]:
    """Every parameter of the template but the page's address, which is found out.

    One that is left out would stay as the stack was told before, also after it was taken out of the file.
    """
    document = yaml.load(TEMPLATE.read_text("utf-8"), Loader=TagLoader)  # noqa: S506 - a SafeLoader
    defaults = {name: str(body["Default"]) for name, body in document["Parameters"].items() if name != "ConsoleUrl"}
    return defaults | answers.overrides()


def check(answers: Answers) -> None:
    """Raise InputError naming the field and what to write instead, before anything is built."""
    _check_stack(answers.stack, answers.region)
    for name, text in (("email", answers.email), ("alarm_email", answers.alarm_email)):
        if text and not _EMAIL.fullmatch(text):
            raise InputError(name, f"{text!r} is no e-mail address")
    if not answers.email:
        raise InputError("email", "is needed: the first user signs in with it")
    if answers.monthly_budget_usd and not answers.alarm_email:
        raise InputError("monthly_budget_usd", "needs an alarm_email to tell; give one, or 0")
    if taken := sorted(NOT_BY_PARAMETER & set(answers.parameters)):
        raise InputError("parameter", f"{', '.join(taken)} has an option or answer of its own; use that")
    if quoted := sorted(name for name, text in answers.parameters.items() if re.search(r'["\\\n]', text)):
        raise InputError("parameter", f"{', '.join(quoted)}: leave out quotation marks, backslashes and line ends")
    try:
        read_application(TEMPLATE, answers.overrides())
    except TemplateError as error:
        raise InputError("parameter", str(error)) from None


def _check_stack(stack: str, region: str) -> None:
    if not re.fullmatch(r"[a-z]+-[a-z-]+-\d", region):
        raise InputError("region", f"{region!r} is none; give one like eu-central-1")
    if not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", stack):
        raise InputError(
            "stack", f"{stack!r} must be lower-case letters, digits and hyphens, begin with a letter and not end with "
            "a hyphen: the bucket and the sign-in page are named after it",
        )  # fmt: skip
    for word in FORBIDDEN_WORDS:
        if word in stack:
            raise InputError("stack", f"{stack!r} has {word!r} in it, which Cognito allows in no sign-in domain")
    if stack.startswith(FORBIDDEN_STARTS):
        raise InputError("stack", f"{stack!r} begins as S3 allows no bucket to")
    longest = NAME_CHARACTERS - 2 - ACCOUNT_CHARACTERS - len(region)
    if len(stack) > longest:
        raise InputError(
            "stack", f"{stack!r} has {len(stack)} characters; with account and region it names the bucket, which "
            f"leaves {longest}",
        )  # fmt: skip


# --- the file --------------------------------------------------------------------------------------------


def read(file: Path) -> Answers | None:
    """None if there is no file. Raises InputError."""
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError("answers", f"{file.name} cannot be read ({error}); mend or remove it") from None
    known = {each.name: type(each.default) for each in fields(Answers)} | {"parameters": dict}
    for name, value in found.items():
        if name not in known:
            raise InputError("answers", f"{file.name} has {name}, which is no answer; it knows {', '.join(known)}")
        if type(value) is not known[name]:
            raise InputError(name, f"{value!r} in {file.name} should be {_KINDS[known[name]]}")
    return Answers(**(found | {"parameters": {k: str(v) for k, v in found.get("parameters", {}).items()}}))


_KINDS: Final[Mapping[Any, str]] = {str: "text in quotation marks", int: "a whole number", dict: "a table"}


def write(file: Path, answers: Answers) -> None:
    values = asdict(answers)
    parameters = values.pop("parameters")
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    table = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in parameters.items()]
    draft = file.with_name(f"{file.name}.draft")
    draft.write_text(_HEAD + "\n".join([*lines, "", "[parameters]", *table, ""]), "utf-8")
    draft.replace(file)


# --- the questions ---------------------------------------------------------------------------------------


Ask = Callable[[str, str], str]
QUESTIONS: Final = (
    ("stack", "Name of the stack; several in one account go by several names"),
    ("region", "AWS region"),
    ("email", "E-mail of the first user; Cognito sends a password there"),
    ("alarm_email", "E-mail for alarms; empty for none (more than ten alarms in an account cost $0.10 a month each)"),
    ("monthly_budget_usd", "Tell of a bill beyond how many dollars a month; 0 for none, needs the e-mail for alarms"),
    ("tick_minutes", "Minutes between two looks for users who are due (2 to 59)"),
)


def asked(answers: Answers, ask: Ask) -> Answers:
    """Every question, with what is known so far as the default. Raises InputError."""
    for name, question in QUESTIONS:
        before = getattr(answers, name)
        said: Any = ask(question, str(before)).strip()
        if isinstance(before, int):
            if not re.fullmatch(r"\d{1,6}", said):
                raise InputError(name, f"{said!r} is no whole number")
            said = int(said)
        answers = replace(answers, **{name: said})
    return answers
