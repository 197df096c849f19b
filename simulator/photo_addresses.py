"""Photographs over HTTP: signed addresses on this very server, and what is served at them."""

from collections.abc import Callable
from typing import Final

from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.wrappers import Request, Response

from simulator import answers
from simulator.answers import Address
from simulator.portraits import Format
from simulator.service import Service
from simulator.signed import is_valid, signed_query

TOO_LARGE_BYTES: Final = 11_000_000


class PhotoAddresses:
    """`expiry_s`: how long an address holds."""

    def __init__(self, service: Service, expiry_s: float) -> None:
        self._service, self._expiry_s = service, expiry_s

    def for_client(self, request: Request) -> Address:
        """Makes addresses in a form that the client said it can read."""
        origin = request.host_url.rstrip("/")
        with_webp = "webp" in request.headers.get("x-supported-image-formats", "")

        def address(card_id: str, number: int, size: tuple[int, int] | None) -> str:
            own = self._service.catalogue.own_form(card_id, number)
            # Half of the drawn photos: both forms occur in one deck, as in the real service.
            webp = own == "webp" if own else int(card_id[-1], 16) % 2 == number % 2
            return self._url(origin, card_id, number, size, "webp" if with_webp and webp else "jpg")

        return address

    def for_teacher(self, request: Request) -> Callable[[str, int], str]:
        """For those who teach: the same rendition as a deck's client would fetch."""
        origin = request.host_url.rstrip("/")

        def address(card_id: str, number: int) -> str:
            index = self._service.catalogue.index_of(card_id)
            sizes = self._service.catalogue.card(index).sizes if index is not None else ()
            extension = "webp" if self._service.catalogue.own_form(card_id, number) == "webp" else "jpg"
            return self._url(origin, card_id, number, min(sizes, default=None), extension)

        return address

    def _url(self, origin: str, card_id: str, number: int, size: tuple[int, int] | None, extension: str) -> str:
        prefix = "original" if size is None else f"{size[0]}x{size[1]}"
        path = f"/u/{card_id}/{prefix}_{answers.photo_id(card_id, number)}.{extension}"
        expires_at = self._service.now() + self._expiry_s
        return f"{origin}{path}?{signed_query(self._service.photo_secret, path, expires_at)}"

    def serve(self, request: Request, file_name: str, *, too_large: bool) -> Response:
        """Raises Forbidden for an address that is over or not ours, NotFound for no photo."""
        if not is_valid(self._service.photo_secret, request.path, request.args, self._service.now()):
            raise Forbidden
        card_id, number, size, form = _photo_name(file_name)
        data = self._service.catalogue.photo(card_id, number, size, form)
        if data is None:
            raise NotFound
        return Response(data + bytes(TOO_LARGE_BYTES if too_large else 0), mimetype=f"image/{form}")


def _photo_name(file_name: str) -> tuple[str, int, tuple[int, int] | None, Format]:
    """Card id, number, size and form of a photo's file name. Raises NotFound."""
    prefix, _, rest = file_name.partition("_")
    stem, _, extension = rest.partition(".")
    named = answers.photo_number(stem)
    if named is None or extension not in ("jpg", "webp"):
        raise NotFound
    width, _, height = prefix.partition("x")
    size = (int(width), int(height)) if width.isdigit() and height.isdigit() else None
    return *named, size, "webp" if extension == "webp" else "jpeg"
