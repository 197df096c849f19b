"""What every Secrets means."""

import pytest

TOKEN = b"\x00token\xff"
CONTEXT = {"user": "ann", "deck": "tinder"}


@pytest.mark.parametrize("plain", [b"", TOKEN, b"x" * 4000])
def test_what_was_sealed_opens(secrets, plain):
    assert secrets.open(secrets.seal(plain, context=CONTEXT), context=CONTEXT) == plain


def test_order_of_the_context_does_not_matter(secrets):
    sealed = secrets.seal(TOKEN, context=CONTEXT)

    assert secrets.open(sealed, context=dict(reversed(CONTEXT.items()))) == TOKEN


def test_sealed_bytes_do_not_show_the_plain_ones(secrets):
    assert b"token" not in secrets.seal(b"token" * 20, context=CONTEXT)


def test_sealing_twice_gives_other_bytes(secrets):
    assert secrets.seal(TOKEN, context=CONTEXT) != secrets.seal(TOKEN, context=CONTEXT)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"user": "bob", "deck": "tinder"},
        {"user": "ann", "deck": "folder"},
        {"user": "ann"},
        {"user": "tinder", "deck": "ann"},
        CONTEXT | {"more": ""},
        {"user": 'ann","deck":"tinder'},
    ],
)
def test_another_context_does_not_open(secrets, context):
    sealed = secrets.seal(TOKEN, context=CONTEXT)

    with pytest.raises(PermissionError):
        secrets.open(sealed, context=context)


def test_any_changed_byte_does_not_open(secrets):
    sealed = secrets.seal(TOKEN, context=CONTEXT)

    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(PermissionError):
            secrets.open(bytes(changed), context=CONTEXT)


def test_a_part_does_not_open(secrets):
    sealed = secrets.seal(TOKEN, context=CONTEXT)

    for length in range(len(sealed)):
        with pytest.raises(PermissionError):
            secrets.open(sealed[:length], context=CONTEXT)


def test_another_install_does_not_open(secrets, new_install):
    sealed = secrets.seal(TOKEN, context=CONTEXT)

    with pytest.raises(PermissionError):
        new_install(b"b").open(sealed, context=CONTEXT)


def test_the_same_install_opens_and_hashes_alike_later(secrets, new_install):
    again = new_install(b"a")

    assert again.open(secrets.seal(TOKEN, context=CONTEXT), context=CONTEXT) == TOKEN
    assert again.keyed_hash("tinder:1") == secrets.keyed_hash("tinder:1")


def test_keyed_hash_is_64_hex_digits_of_text_and_install(secrets, new_install):
    hashes = {
        secrets.keyed_hash("tinder:1"),
        secrets.keyed_hash("tinder:2"),
        secrets.keyed_hash("tinder:é"),
        new_install(b"b").keyed_hash("tinder:1"),
    }

    assert len(hashes) == 4
    assert all(len(bytes.fromhex(digest)) == 32 for digest in hashes)
