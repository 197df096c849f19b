"""Which version is in charge: by the user's own word, and back."""

from collections.abc import Callable

import pytest

from swipr.api import models as api_models
from swipr.errors import ConflictError
from swipr.models import ModelVersion
from tests.api_home import Asked, Caller
from tests.api_parts import api_of
from tests.doubles import model
from tests.install import USER, Install

Make = Callable[..., Install]


@pytest.fixture
def three(call: Caller) -> Caller:
    """Versions 1 to 3, the third in charge."""
    for version in (2, 3):
        call.install.store.put_model(model(USER, version))
        call.install.store.set_champion(USER, version, expected=version - 1)
    return call


def in_charge(call: Caller) -> dict[str, int]:
    return {each["role"]: each["version"] for each in call("GET", "/v1/models").body["models"] if each["role"]}


def test_one_version_is_shown_as_in_the_list(three: Caller) -> None:
    listed = three("GET", "/v1/models").body["models"]

    assert [each["version"] for each in listed] == [3, 2, 1]
    assert [three("GET", f"/v1/models/{each['version']}").body for each in listed] == listed


def test_promoting_puts_a_version_in_charge_and_keeps_the_one_before(three: Caller) -> None:
    promoted = three("POST", "/v1/models/1/promote")

    assert (promoted.status, promoted.body["role"]) == (200, "champion")
    assert in_charge(three) == {"champion": 1, "previous": 3}
    assert three("GET", "/v1/status").body["model"]["version"] == 1


def test_promoting_twice_is_promoting_once(three: Caller) -> None:
    three("POST", "/v1/models/1/promote")
    three("POST", "/v1/models/1/promote")

    assert in_charge(three) == {"champion": 1, "previous": 3}


def test_rolling_back_returns_to_the_version_before(three: Caller) -> None:
    assert three("POST", "/v1/models/rollback").body["version"] == 2
    assert in_charge(three) == {"champion": 2, "previous": 3}


def test_rolling_back_without_a_version_before_says_what_to_do(call: Caller) -> None:
    refused = call("POST", "/v1/models/rollback")

    assert refused.status == 409
    assert "promote" in refused.body["detail"]


@pytest.mark.parametrize("version", ["9", "0", "-1", "x", "1e3", "99999999999"])
def test_a_version_that_is_not_there_is_a_404(three: Caller, version: str) -> None:
    for method, path in (("GET", ""), ("POST", "/promote")):
        assert three(method, f"/v1/models/{version}{path}").status == 404


def test_a_version_of_another_backbone_is_not_put_in_charge(install: Make) -> None:
    home = install(1, cards=[])
    other: ModelVersion = model(USER, 2).model_copy(update={"backbone": "f" * 64})
    home.store.put_model(other)

    with pytest.raises(ConflictError, match=r"version 2 was taught with another backbone.*swipr backbone use"):
        api_models.promote(api_of(home, Asked()), USER, 2)


def test_of_two_at_once_one_is_told_to_look_again(install: Make) -> None:
    home = install(1, cards=[])
    home.store.put_model(model(USER, 2))

    class Racing:
        def __getattr__(self, name: str) -> object:
            return getattr(home.store, name)

        def set_champion(self, *args: object, **options: object) -> bool:
            return False

    with pytest.raises(ConflictError, match="just now"):
        api_models.promote(api_of(home, Asked(), store=Racing()), USER, 2)
