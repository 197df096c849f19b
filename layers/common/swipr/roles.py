"""Whose word is asked of a card: the version in charge and the one that waits behind the gate, in the same calls."""

import base64
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace

from swipr.errors import ModelError
from swipr.heads import unpack
from swipr.judging import (
    CardRule,
    Judge,
    JudgeAnswer,
    JudgedPhoto,
    JudgeRequest,
    NetworkSource,
    PhotoSource,
    Ruling,
    blended,
    rule_on_card,
)
from swipr.models import ModelVersion, Network, NetworkLogits, Prediction, User
from swipr.ports import Blobs, Store

#: The judge reads a network at once; an address need not live longer.
ADDRESS_EXPIRES_S = 300
_NOT_RUN = "the judge did not run it"


@dataclass(frozen=True)
class Said:
    """What the versions say of one card. `ruling`: of the one in charge, `shadow`: of the one that waits."""

    ruling: Ruling | None = None
    champion: Prediction | None = None
    shadow: Prediction | None = None
    network_logits: NetworkLogits = field(default_factory=dict)

    @property
    def predicted(self) -> tuple[Prediction, ...]:
        """As a label keeps them: without the first there is nothing to compare."""
        return tuple(word for word in (self.champion, self.shadow) if word) if self.champion else ()


@dataclass(frozen=True)
class Roles:
    """Nobody is asked where there is no champion; what is judged then is only seen."""

    champion: ModelVersion | None = None
    shadow: ModelVersion | None = None

    @property
    def versions(self) -> list[ModelVersion]:
        return [version for version in (self.champion, self.shadow) if version is not None]

    @property
    def networks(self) -> list[Network]:
        """Each once, in the order of the versions."""
        own = [version.network for version in self.versions if version.network is not None]
        return list({network.sha256: network for network in own}.values())

    @property
    def numbers(self) -> set[int]:
        return {version.version for version in self.versions}

    def without_shadow(self) -> "Roles":
        return replace(self, shadow=None)

    def without(self, numbers: Set[int]) -> "Roles":
        """Without a champion nobody is asked."""
        if self.champion is None or self.champion.version in numbers:
            return Roles()
        return self.without_shadow() if self.shadow and self.shadow.version in numbers else self

    def request(self, photos: list[PhotoSource], blobs: Blobs) -> JudgeRequest:
        request: JudgeRequest = {
            "photos": photos,
            "heads": [base64.b64encode(version.head).decode() for version in self.versions],
        }
        if self.networks:
            request["networks"] = [_source(network, blobs) for network in self.networks]
        return request

    def refuse_half(self, answer: JudgeAnswer) -> None:
        """Raises ModelError if the champion's own network did not run: its head alone is another model."""
        network = self.champion.network if self.champion else None
        if network is None:
            return
        place, errors = self._place(network), answer.get("network_errors", [])
        why = errors[place] if place < len(errors) else _NOT_RUN
        if why or any(_beside(photo, place) is None for photo in _judged(answer["photos"])):
            raise ModelError(f"your model's own network could not be used: {why or _NOT_RUN}")

    def say(self, photos: Sequence[JudgedPhoto], rule: CardRule) -> Said:
        """Of one card, by what the judge said of its photos, in their order. Nothing where none could be read."""
        if self.champion is None or not _judged(photos):
            return Said()
        ruling = self._ruling(self.champion, photos, rule)
        shadow = self._ruling(self.shadow, photos, rule) if self.shadow else None
        return Said(
            ruling,
            _prediction(self.champion, ruling),
            _prediction(self.shadow, shadow) if self.shadow else None,
            self._network_logits(photos),
        )

    def _ruling(self, version: ModelVersion, photos: Sequence[JudgedPhoto], rule: CardRule) -> Ruling | None:
        """None unless the version has a word on every photo that could be read."""
        logits = [self._logit(version, photo) if "error" not in photo else None for photo in photos]
        if any(logit is None and "error" not in photo for logit, photo in zip(logits, photos, strict=True)):
            return None
        return rule_on_card(unpack(version.head), logits, rule)

    def _logit(self, version: ModelVersion, photo: JudgedPhoto) -> float | None:
        heads, place = photo.get("logits", []), self.versions.index(version)
        if place >= len(heads):
            return None
        if version.network is None:
            return heads[place]
        beside = _beside(photo, self._place(version.network))
        return None if beside is None else blended(heads[place], beside, version.network.share)

    def _network_logits(self, photos: Sequence[JudgedPhoto]) -> NetworkLogits:
        said: NetworkLogits = {}
        for place, network in enumerate(self.networks):
            logits = [_beside(photo, place) for photo in _judged(photos)]
            known = [logit for logit in logits if logit is not None]
            if len(known) == len(logits):
                said[network.short] = round(sum(known) / len(known), 6)
        return said

    def _place(self, network: Network) -> int:
        return [each.sha256 for each in self.networks].index(network.sha256)


def roles_of(user: User, store: Store) -> Roles:
    """Raises ModelError where there is a champion that is missing, or has lost its network."""
    if user.champion is None:
        return Roles()
    champion = store.model(user.user_id, user.champion)
    if champion is None:
        raise ModelError(f"model version {user.champion} is missing")
    if not _is_whole(champion):
        raise ModelError(f"model version {user.champion} is missing its network")
    shadow = store.model(user.user_id, user.shadow) if user.shadow is not None else None
    fits = shadow is not None and shadow.backbone == champion.backbone and _is_whole(shadow)
    return Roles(champion, shadow if fits else None)


def roles_if_whole(user: User | None, store: Store) -> Roles:
    """`roles_of`, where a word is welcome and not needed: nobody's for what is broken."""
    try:
        return roles_of(user, store) if user is not None else Roles()
    except ModelError:
        return Roles()


def ask(judge: Judge, photos: list[PhotoSource], roles: Roles, blobs: Blobs) -> tuple[JudgeAnswer, Roles]:
    """The judge's answer, and those who were asked: a call that fails with the shadow is made once more without it.

    Raises ModelError.
    """
    if roles.shadow is not None:
        try:
            return judge(roles.request(photos, blobs)), roles
        except ModelError:
            roles = roles.without_shadow()
    return judge(roles.request(photos, blobs)), roles


def ask_or_see(judge: Judge, photos: list[PhotoSource], roles: Roles, blobs: Blobs) -> tuple[JudgeAnswer, Roles]:
    """`ask`, but nobody's word is worth more than the features: without any if it fails. Raises ModelError."""
    if roles.champion is not None:
        try:
            return ask(judge, photos, roles, blobs)
        except ModelError:
            roles = Roles()
    return judge(roles.request(photos, blobs)), roles


def _is_whole(version: ModelVersion) -> bool:
    return version.kind != "likeness" and (version.kind == "tuned") == (version.network is not None)


def _source(network: Network, blobs: Blobs) -> NetworkSource:
    return {
        "url": blobs.presign_get(network.key, expires_s=ADDRESS_EXPIRES_S),
        "sha256": network.sha256,
        "size_bytes": network.size_bytes,
        "size_px": network.size_px,
    }


def _judged(photos: Sequence[JudgedPhoto]) -> list[JudgedPhoto]:
    return [photo for photo in photos if "error" not in photo]


def _beside(photo: JudgedPhoto, place: int) -> float | None:
    logits = photo.get("network_logits", [])
    return logits[place] if place < len(logits) else None


def _prediction(version: ModelVersion, ruling: Ruling | None) -> Prediction | None:
    if ruling is None:
        return None
    return Prediction(version=version.version, score=round(ruling.score, 6), verdict=ruling.verdict)
