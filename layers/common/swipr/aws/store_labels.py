"""Labels in DynamoDB; their features are items of their own, so that a list of labels does not read them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from swipr import transitions
from swipr.aws import bulk, items
from swipr.aws.atomic import Changes
from swipr.aws.store_part import Part, known, user_change
from swipr.aws.tables import Item, Key, attribute
from swipr.models import Label


class Labels(Part):
    """The part of `ports.Store` about labels."""

    def put_label(self, label: Label) -> bool:
        keys = self._user(label.user_id), *self._label(label.user_id, label.card_id)

        def decide(user_item: Item | None, stored: Item | None, _: Item | None) -> tuple[bool, Changes]:
            user, before = known(user_item, label.user_id), items.label_of(stored)
            if before and before.labelled_at > label.labelled_at:
                return False, {}
            counted = user_change(user, transitions.labelled(user, label.card_id, anew=before is None), keys[0])
            put = items.label_item(transitions.succeeding(label, before))
            return True, {**counted, keys[1]: put, keys[2]: items.features_item(label)}

        return self._atomic.change(keys, decide)

    def refresh_label(self, label: Label) -> bool:
        keys = self._label(label.user_id, label.card_id)

        def decide(item: Item | None, _: Item | None) -> tuple[bool, Changes]:
            stored = items.label_of(item)
            if stored is None or (stored.labelled_at, stored.choice) != (label.labelled_at, label.choice):
                return False, {}
            fresh = stored.model_copy(update={"backbone": label.backbone})
            return True, {keys[0]: items.label_item(fresh), keys[1]: items.features_item(label)}

        return self._atomic.change(keys, decide)

    def note_logits(self, user_id: str, card_id: str, logits: Mapping[str, float], *, labelled_at: datetime) -> bool:
        key = self._label(user_id, card_id)[0]

        def decide(item: Item | None) -> tuple[bool, Changes]:
            label = transitions.with_logits(items.label_of(item), logits, labelled_at=labelled_at)
            return label is not None, {key: items.label_item(label)} if label else {}

        return self._atomic.change((key,), decide)

    def delete_label(self, user_id: str, card_id: str) -> Label | None:
        keys = self._user(user_id), *self._label(user_id, card_id)

        def decide(user_item: Item | None, item: Item | None, features: Item | None) -> tuple[Label | None, Changes]:
            user, label = items.user_of(user_item), items.label_of(item, features)
            gone: Changes = {key: None for key, found in ((keys[1], item), (keys[2], features)) if found}
            counted = user_change(user, transitions.without_label(user), keys[0]) if user and label else {}
            return label, {**counted, **gone}

        return self._atomic.change(keys, decide)

    def label(self, user_id: str, card_id: str) -> Label | None:
        return items.label_of(*self._atomic.read(*self._label(user_id, card_id)))

    def labels(self, user_id: str) -> Sequence[Label]:
        before = {"ExpressionAttributeValues": {":features": attribute(items.FEATURES)}}
        conditions = ["card_id < :features"]
        found = bulk.of_user(self._client, self._tables.labels, user_id, conditions=conditions, **before)
        return [label for item in found if (label := items.label_of(item))]

    def label_features(self, user_id: str, card_ids: Sequence[str]) -> Mapping[str, bytes]:
        keys = (self._label(user_id, card_id)[1] for card_id in card_ids)
        found = bulk.get_many(self._atomic, keys, "card_id", "features")
        return {item["card_id"]["S"].removeprefix(items.FEATURES): item["features"]["B"] for item in found}

    def _label(self, user_id: str, card_id: str) -> tuple[Key, Key]:
        """The label and its features; what is no card's id leads to nothing."""
        card_id = "" if items.is_features_key(card_id) else card_id
        features = items.FEATURES + card_id if card_id else ""
        return Key(self._tables.labels, user_id, card_id), Key(self._tables.labels, user_id, features)
