"""A zip of photos is read row by row, and nothing it says of itself is believed."""

import io
import stat
import time
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from swipr.blob_file import READ_BYTES, WINDOW_BYTES, BlobFile
from swipr.errors import LabelError, NotFoundError
from swipr.models import BlobRange
from swipr.uploads import zip as upload_zip
from swipr.uploads.zip import FREE_BYTES, MAX_PHOTO_BYTES, MAX_RATIO, ZipRows, opened
from tests.zips import COMPRESSED, FLAGS, METHOD, PLACE, UNPACKED, Entries, lie, photo, zip_of

LIKE, PASS = photo("like"), photo("pass")


class OneBlob:
    """One object; counts what is asked for."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked: list[int] = []

    def get_range(self, part: BlobRange) -> bytes:
        self.asked.append(part.last - part.first + 1)
        if part.last >= len(self.body):
            raise NotFoundError(part.key)
        return self.body[part.first : part.last + 1]


def rows_of(body: bytes) -> ZipRows:
    return ZipRows(opened(BlobFile(OneBlob(body), "labels/ann/x.zip", len(body))), len(body))  # type: ignore[arg-type]


def outcome(body: bytes) -> dict[str, str]:
    """Each row's name with its choice and bytes read, or why not."""
    found = {}
    for row in rows_of(body):
        try:
            read = len(row.photo()) if row.photo else 0
            found[row.name or ""] = row.why or f"{row.choice} {read}"
        except LabelError as error:
            found[row.name or ""] = str(error)
    return found


def whys(entries: Entries) -> dict[str, str]:
    return outcome(zip_of(entries))


# --- what counts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_photos_are_rows_by_their_folder(method: int) -> None:
    body = zip_of({"like/a.jpg": LIKE, "pass/b.jpg": PASS, "like/deep/er/c.jpg": LIKE}, method)

    assert outcome(body) == {
        "like/a.jpg": f"like {len(LIKE)}",
        "pass/b.jpg": f"pass {len(PASS)}",
        "like/deep/er/c.jpg": f"like {len(LIKE)}",
    }


def test_one_folder_on_top_is_looked_through() -> None:
    found = whys({"mine/like/a.jpg": LIKE, "mine/Pass/b.jpg": PASS, "mine/readme.txt": b"x", "notes.txt": b"x"})

    assert found["mine/like/a.jpg"].startswith("like")
    assert found["mine/Pass/b.jpg"].startswith("pass")
    assert "neither in like/ nor in pass/" in found["mine/readme.txt"]
    assert "neither in like/ nor in pass/" in found["notes.txt"]


def test_two_folders_on_top_are_not() -> None:
    assert all("neither" in why for why in whys({"a/like/1.jpg": LIKE, "b/like/1.jpg": LIKE}).values())


def test_folders_dot_files_and_what_macos_adds_are_no_rows() -> None:
    found = whys(
        {"like/": b"", "__MACOSX/like/._a.jpg": b"x", "like/.DS_Store": b"x", ".git/x": b"", "like/a.jpg": LIKE}
    )

    assert list(found) == ["like/a.jpg"]


def test_what_is_no_photo_is_refused_by_its_first_bytes() -> None:
    inner = zip_of({"like/a.jpg": LIKE})

    found = whys({"like/inner.zip": inner, "pass/a.txt": b"hello", "pass/empty.jpg": b"", "like/a.jpg": LIKE})

    assert found["like/inner.zip"] == found["pass/a.txt"] == "not a JPEG, PNG or WebP photo"
    assert found["pass/empty.jpg"] == "is empty"
    assert found["like/a.jpg"].startswith("like")


# --- tricks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "../like/a.jpg",
        "like/../../a.jpg",
        "/like/a.jpg",
        "like\\a.jpg",
        "..\\like\\a.jpg",
        "C:/like/a.jpg",
        "like/./a.jpg",
        "//host/like/a.jpg",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused_alone(name: str) -> None:
    found = whys({name: LIKE, "pass/b.jpg": PASS})

    assert sorted(found.values()) == sorted(["its path leads out of the zip", f"pass {len(PASS)}"])


def test_a_name_with_a_zero_byte_is_refused() -> None:
    assert list(outcome(zip_of({"like/aQ.jpg": LIKE}).replace(b"aQ", b"a\0")).values()) == [
        "its path leads out of the zip"
    ]


def test_a_link_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("like/a.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")

    assert outcome(buffer.getvalue()) == {"like/a.jpg": "is a link, not a file"}


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        (FLAGS, 0x1, "is encrypted"),
        (METHOD, 12, "is compressed in another way than deflate"),
        (METHOD, 14, "is compressed in another way than deflate"),
        (METHOD, 99, "is compressed in another way than deflate"),
        (METHOD, 0, "is damaged in the zip"),
        (UNPACKED, 3, "is damaged in the zip"),
        (COMPRESSED, 3, "is damaged in the zip"),
        (PLACE, 0xFFFFFF, "is damaged in the zip"),
        (PLACE, 7, "is damaged in the zip"),
    ],
)
def test_a_lying_header_costs_its_row(field: int, value: int, why: str) -> None:
    honest = zip_of({"like/a.jpg": photo("like", size=5000), "pass/b.jpg": PASS})

    assert outcome(lie(honest, 0, field, value)) == {"like/a.jpg": why, "pass/b.jpg": f"pass {len(PASS)}"}


def test_a_header_that_claims_gigabytes_costs_nothing_else() -> None:
    body = lie(zip_of({"like/a.jpg": LIKE, "pass/b.jpg": PASS}), 0, UNPACKED, 0xFFFFFFF0)

    assert outcome(body)["pass/b.jpg"] == f"pass {len(PASS)}"


def test_flipped_bits_are_found() -> None:
    body = bytearray(zip_of({"like/a.jpg": LIKE}, zipfile.ZIP_STORED))
    body[body.index(LIKE) + 5] ^= 1

    assert outcome(bytes(body)) == {"like/a.jpg": "is damaged in the zip"}


def test_every_cut_is_an_error_and_no_crash() -> None:
    body = zip_of({"like/a.jpg": photo("like", size=300), "pass/b.jpg": PASS})

    for length in range(len(body)):
        with pytest.raises(LabelError, match="not a zip that can be read, or is cut short"):
            rows_of(body[:length])


def test_every_flipped_byte_is_refused_or_read() -> None:
    body = zip_of({"like/a.jpg": photo("like", size=120), "pass/b.jpg": PASS})

    for place in range(len(body)):
        for bit in (0x01, 0x80, 0xFF):
            try:
                outcome(body[:place] + bytes([body[place] ^ bit]) + body[place + 1 :])
            except LabelError:  # the whole: anything else would fail the test
                continue


# --- bombs ------------------------------------------------------------------------------------------------


def test_a_flat_bomb_stops_at_its_ratio() -> None:
    bomb = zip_of({"like/a.jpg": LIKE + bytes(9_000_000), "pass/b.jpg": PASS})
    assert len(bomb) < 12_000

    found = outcome(bomb)

    assert found == {
        "like/a.jpg": f"is compressed more than {MAX_RATIO}-fold, as no photo is",
        "pass/b.jpg": f"pass {len(PASS)}",
    }


def test_a_photo_over_the_limit_is_refused() -> None:
    large = photo("like", size=MAX_PHOTO_BYTES + 1)

    assert outcome(zip_of({"like/a.jpg": large}, zipfile.ZIP_STORED)) == {
        "like/a.jpg": "the photo is larger than 10 MB"
    }


def test_many_small_bombs_stop_at_the_ratio_of_the_whole() -> None:
    body = zip_of({f"like/{number}.jpg": photo("like", number, FREE_BYTES) for number in range(400)})
    allowed = FREE_BYTES + MAX_RATIO * len(body)
    assert allowed < 400 * FREE_BYTES

    found = list(outcome(body).values())

    read = [why for why in found if why.startswith("like")]
    assert len(read) == allowed // FREE_BYTES
    assert set(found) - set(read) == {"the zip unpacks to more than it may; split it"}


def test_overlapping_entries_do_not_multiply() -> None:
    """Every entry of the table points at the same bytes."""
    count = 2000
    body = zip_of(
        [(f"like/{number:04}.jpg", photo("like", size=900_000 if number == 0 else 0)) for number in range(count)]
    )
    for number in range(1, count):
        body = lie(body, number, PLACE, 0)
    began = time.monotonic()

    read = [why for why in outcome(body).values() if why.startswith("like")]

    assert len(read) <= 1
    assert time.monotonic() - began < 10


def test_a_table_of_contents_without_end_is_not_read() -> None:
    names = ((f"like/{number:05}/{'x' * 240}.jpg", b"") for number in range(READ_BYTES // 240))
    body = zip_of(names, zipfile.ZIP_STORED)
    tracemalloc.start()

    with pytest.raises(LabelError, match="not a zip that can be read"):
        rows_of(body)

    assert tracemalloc.get_traced_memory()[1] < 2 * READ_BYTES
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (lambda: zip_of({}), "holds no photos"),
        (lambda: zip_of({"like/": b""}), "holds no photos"),
        (lambda: zip_of({f"like/{n}.jpg": b"" for n in range(5001)}), "holds 5001 files, more than 5000"),
        (lambda: b"PK\x03\x04" + bytes(40), "not a zip"),
        (lambda: b"%PDF-1.4", "not a zip"),
    ],
)
def test_an_unusable_whole_is_named(body: Callable[[], bytes], why: str) -> None:
    with pytest.raises(LabelError, match=why):
        rows_of(body())


def test_more_than_the_whole_may_be_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_zip, "MAX_UNPACKED_BYTES", 2_000_000)
    body = zip_of({f"like/{number}.jpg": photo("like", number, 900_000) for number in range(3)})

    with pytest.raises(LabelError, match="unpacks to 2 MB, more than 2"):
        rows_of(body)


# --- reading by ranges ---------------------------------------------------------------------------------------


def test_an_object_is_read_once_and_in_windows() -> None:
    body = zip_of({f"like/{n}.jpg": photo("like", n, 500_000) for n in range(20)}, zipfile.ZIP_STORED)
    blob = OneBlob(body)
    rows = ZipRows(opened(BlobFile(blob, "k", len(body))), len(body))  # type: ignore[arg-type]

    assert sum(len(row.photo()) for row in rows if row.photo) == 10_000_000
    assert max(blob.asked) <= WINDOW_BYTES
    assert len(blob.asked) <= 2 * (len(body) // WINDOW_BYTES + 1)


@pytest.mark.parametrize(("at", "size"), [(0, 10), (5, 0), (9, 100), (200, 5), (0, -1)])
def test_a_blob_reads_as_a_file_does(at: int, size: int) -> None:
    body = bytes(range(100))
    file, real = BlobFile(OneBlob(body), "k", len(body)), io.BytesIO(body)  # type: ignore[arg-type]
    for each in (file, real):
        each.seek(at)

    assert (file.read(size), file.tell()) == (real.read(size), real.tell())
    assert file.seek(-3, io.SEEK_END) == 97
    with pytest.raises(ValueError, match="before the beginning"):
        file.seek(-1)


def test_an_object_that_is_gone_meanwhile_is_not_mistaken_for_damage() -> None:
    body = zip_of({f"like/{n}.jpg": photo("like", n, 3_000_000) for n in range(2)}, zipfile.ZIP_STORED)
    blob = OneBlob(body)
    rows = list(ZipRows(opened(BlobFile(blob, "k", len(body))), len(body)))  # type: ignore[arg-type]
    blob.body = b""

    assert rows[0].photo is not None
    with pytest.raises(NotFoundError):
        rows[0].photo()
