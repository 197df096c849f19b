"""The control surface under /sim, for demos and tests, behind the key printed at the start."""

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.exceptions import BadRequest, Forbidden, NotFound
from werkzeug.wrappers import Request, Response

from simulator.answers import Json, photo_id
from simulator.faults import Faults
from simulator.hidden import Hidden
from simulator.service import Service

#: Makes the absolute address of a card's photo.
PhotoAddress = Callable[[str, int], str]


class Control:
    """Every call answers JSON; 400 says what is not understood, 404 names an unknown token."""

    def __init__(
        self,
        service: Service,
        hidden: Hidden,
        faults: Faults,
        key: str,
        photo_address: Callable[[Request], PhotoAddress],
    ) -> None:
        self._service, self._hidden, self._faults, self._key = service, hidden, faults, key
        self._photo_address = photo_address
        self._calls: Mapping[tuple[str, str], Callable[[Request], Json]] = {
            ("POST", "/sim/users"): self._users,
            ("GET", "/sim/truth"): self._truth,
            ("GET", "/sim/counters"): lambda request: hidden.counters(_token(request)),
            ("GET", "/sim/train"): self._train,
            ("POST", "/sim/deck"): self._deck,
            ("POST", "/sim/fault"): self._fault,
            ("POST", "/sim/clock"): self._clock,
        }

    def answer(self, request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("X-Sim-Key", "").encode(), self._key.encode()):
            raise Forbidden("X-Sim-Key is not the key printed at the start")
        call = self._calls.get((request.method, request.path))
        if call is None:
            raise NotFound(f"no such call; there are {', '.join(' '.join(known) for known in self._calls)}")
        try:
            return json_response(call(request))
        except LookupError as error:
            raise NotFound(str(error)) from None
        except (ValueError, TypeError) as error:
            raise BadRequest(str(error)) from None

    def _users(self, request: Request) -> Json:
        asked = _body(request)
        token = self._service.add_user(asked.pop("token", None), asked.pop("cards", None), asked)
        return {"token": token}

    def _truth(self, request: Request) -> Json:
        return {"cards": self._hidden.truth(_token(request))}

    def _train(self, request: Request) -> Json:
        count, address = int(request.args.get("n", "60")), self._photo_address(request)
        cards = [
            {
                "id": card.card_id,
                "photos": [address(card.card_id, number) for number in range(card.photos)],
                "photo_ids": [photo_id(card.card_id, number) for number in range(card.photos)],
                "label": choice,
            }
            for card, choice in self._hidden.training(_token(request), count)
        ]
        return {"cards": cards}

    def _deck(self, request: Request) -> Json:
        asked = _body(request)
        return {"added": self._service.deal(str(asked.get("token")), int(asked.get("cards", 10)))}

    def _fault(self, request: Request) -> Json:
        asked = _body(request)
        if asked.pop("clear", False):
            self._faults.clear()
        if asked:
            self._faults.add(asked)
        return {}

    def _clock(self, request: Request) -> Json:
        self._service.move_clock(float(_body(request)["advance_s"]))
        return {"now": self._service.now()}


def json_response(body: Json, status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")


def _token(request: Request) -> str:
    return request.args.get("token", "")


def _body(request: Request) -> dict[str, Any]:
    body = request.get_json(force=True)
    if not isinstance(body, dict):
        raise ValueError("the body is a JSON object")
    return body
