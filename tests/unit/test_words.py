"""A word is found where a reader of its script would see it as a word of its own."""

import pytest

from swipr.sessions.words import first_found, fold

FOUND = [
    ("dog", "I love my DOG!"),
    ("Dog", "dog"),
    ("dog", "cat/dog/bird"),
    ("dog", "#dog_lover"),
    ("dog", "👩‍🦰dog👍"),
    ("hong kong", "from Hong\n  Kong, now here"),
    ("non-smoker", "NON‑SMOKER"),
    ("don't", "I DON’T"),
    ("c++", "I write C++."),
    ("185", "185, no heels"),
    ("straße", "STRASSE"),
    ("οδος", "Η ΟΔΟΣ μου"),
    ("собака", "Моя СОБАКА."),
    ("istanbul", "İSTANBUL'da"),
    ("ısparta", "ISPARTA"),
    ("שלום", "שלום, מה נשמע"),
    ("قطة", "عندي قطة صغيرة"),
    ("हिन्दी", "मैं हिन्दी बोलता हूँ"),
    ("학생", "나는 학생 입니다"),
    ("cafe\u0301", "a small caf\u00e9"),
    ("only fans", "my O\u200bnly\u00a0Fa\u00adns"),
    ("hello", "𝓗𝓮𝓵𝓵𝓸"),
    ("ABC", "ａｂｃ"),
    ("❤️", "all my ❤"),
    ("🍕", "I like 🍕🍺"),
    # scripts that do not separate words
    ("犬", "私は犬が好き"),
    ("ネコ", "ﾈｺが好きです"),
    ("ねこ", "かわいいねこです"),
    ("咖啡", "我喜欢喝咖啡和茶"),
    ("กาแฟ", "ชอบดื่มกาแฟมาก"),
    ("ກາເຟ", "ມັກກາເຟຫຼາຍ"),
    ("កាហ្វេ", "ខ្ញុំចូលចិត្តកាហ្វេណាស់"),
    ("ကော်ဖီ", "ကျွန်တော်ကော်ဖီကြိုက်တယ်"),
    ("OL", "都内のOLです"),
]

NOT_FOUND = [
    ("dog", "hotdogs and a doghouse"),
    ("cat", "education"),
    ("18", "185"),
    ("cafe", "café"),
    ("non smoker", "nonsmoker"),
    ("कम", "कमल"),
    ("हिन", "हिन्दी"),  # cut within a sign
    ("ก", "ก่อน"),  # the tone mark belongs to the letter
    ("собак", "собака"),
    ("", "anything"),
    ("\u200b", "any\u200bthing"),
    ("dog", ""),
]


@pytest.mark.parametrize(("word", "text"), FOUND)
def test_a_whole_word_is_found_in_any_case_and_script(word: str, text: str) -> None:
    assert first_found([word], [text]) == word


@pytest.mark.parametrize(("word", "text"), NOT_FOUND)
def test_a_part_of_a_word_is_not_found(word: str, text: str) -> None:
    assert first_found([word], [text]) is None


def test_the_first_word_found_is_named_as_it_was_given() -> None:
    assert first_found(["cat", "DOG ", "bird"], ["a bird", "a dog"]) == "DOG "


def test_a_word_of_several_does_not_reach_over_two_texts() -> None:
    assert first_found(["hong kong"], ["hong", "kong"]) is None


def test_a_later_place_counts_where_an_earlier_one_is_part_of_a_word() -> None:
    assert first_found(["cat"], ["concatenate the cat"]) == "cat"


def test_folding_twice_changes_nothing_more() -> None:
    for _, text in FOUND + NOT_FOUND:
        assert fold(fold(text)) == fold(text)
