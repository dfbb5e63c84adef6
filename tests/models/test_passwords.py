"""Test password rules, the limit on concurrent hashing, and that Django and this project verify each other's hashes."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import unicodedata

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import hashers

from models.passwords import ROUNDS, Passwords, TooManyAtOnce
from tests.support.races import together

CHEAP = 1000
COUNT = 200


@pytest.fixture(scope="module")
def django():
    """Django's password hasher with its default settings."""
    if not django_settings.configured:
        django_settings.configure()
    hasher = hashers.PBKDF2PasswordHasher()
    assert hashers.get_hasher("default").algorithm == hasher.algorithm == "pbkdf2_sha256"
    return hasher


def unicode_passwords(count: int) -> list[str]:
    """Return so many passwords of all Unicode planes, with combining marks and both normal forms."""
    draw = random.Random(20261126)
    everything = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code <= 0xDFFF]
    letters = [one for one in everything if unicodedata.category(one)[0] in "LMNPSZ"]
    drawn = [
        "".join(draw.choices(letters if number % 2 else everything, k=draw.randint(1, 128)))
        for number in range(count - 5)
    ]
    return [*drawn, "e\u0301te\u0301", "\u00e9t\u00e9", " blanks ", "\u200d\ufe0f", "\U0001f469\u200d\U0001f3eb" * 20]


def test_hashes_made_by_django_match_here(django):
    passwords, ours = unicode_passwords(COUNT), Passwords(rounds=CHEAP)
    stored = [django.encode(one, django.salt(), iterations=CHEAP) for one in passwords]
    right = [ours.matches(one, hashed) for one, hashed in zip(passwords, stored, strict=True)]
    wrong = [ours.matches(one, hashed) for one, hashed in zip(passwords, stored[1:] + stored[:1], strict=True)]
    print(f"\nhashed by Django, matched here: {sum(right)} of {COUNT}; of another password: {sum(wrong)}")
    assert (sum(right), sum(wrong)) == (COUNT, 0)
    assert not any(ours.is_outdated(one) for one in stored)


def test_hashes_made_here_match_in_django(django):
    passwords, ours = unicode_passwords(COUNT), Passwords(rounds=CHEAP)
    stored = [ours.hash(one) for one in passwords]
    right = [django.verify(one, hashed) for one, hashed in zip(passwords, stored, strict=True)]
    wrong = [django.verify(one, hashed) for one, hashed in zip(passwords, stored[1:] + stored[:1], strict=True)]
    print(f"\nhashed here, matched in Django: {sum(right)} of {COUNT}; of another password: {sum(wrong)}")
    assert (sum(right), sum(wrong)) == (COUNT, 0)
    assert {hashers.identify_hasher(one).algorithm for one in stored} == {"pbkdf2_sha256"}


def test_unicode_normal_forms_are_different_passwords_here_and_in_django(django):
    composed, apart = "caf\u00e9 am Rhein", "cafe\u0301 am Rhein"
    ours = Passwords(rounds=CHEAP)
    for hashed in (ours.hash(composed), django.encode(composed, django.salt(), iterations=CHEAP)):
        assert (ours.matches(composed, hashed), ours.matches(apart, hashed)) == (True, False)
        assert (django.verify(composed, hashed), django.verify(apart, hashed)) == (True, False)


def test_hash_rounds_are_at_least_those_of_django(django):
    assert django.iterations <= ROUNDS
    assert Passwords(rounds=CHEAP).is_outdated(django.encode("x", django.salt(), iterations=CHEAP + 1))


@pytest.mark.parametrize(
    "password",
    ["", "seven77", "x" * 257, "password", "PASSWORD", "Password1", "p@ssw0rd", "drowssap", "12345678", "123456789012", "87654321", "qwertyuiop",
     "1qaz2wsx", "zxcvbnm,", "aaaaaaaa", "abababababab", "abcabcabcabc", "letmein1", "iloveyou", "iloveyou2", "sunshine1", "football", "monkey123",
     "changeme", "welcome1", "trustno1", "01011990", "passwordpassword", "baseball99", "11223344", "a" * 256],
)  # fmt: skip
def test_short_long_common_or_patterned_password_is_refused(password):
    assert Passwords(rounds=CHEAP).objection(password)


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "purple kettle drives north", "Ji8!ka9z", "xK4$mm2p", "\u5bc6\u7801\u5f88\u957f\u7684\u4e00\u53e5\u8bdd",
     "p\u00e4\u00dfw\u00f6rter im Regen", "Tr0ub4dor&3x", "seventeen green mice", "x7" + "q9Lm!" * 50],
)  # fmt: skip
def test_hard_to_guess_password_is_accepted_with_or_without_digits(password):
    assert (
        Passwords(rounds=CHEAP).objection(password, about=("alice@northside.example", "Alice Adams", "northside"))
        is None
    )


@pytest.mark.parametrize(
    "password",
    ["xx alice@northside.example 9", "Alice-7391-kettle", "ADAMS!kettle!73", "kettle-northside-73", "NORTHSIDE9-kettle", "my essaycoach 7391",
     "\u212aettle alice 73"],
    ids=ascii,
)  # fmt: skip
def test_password_with_name_email_org_or_product_is_refused(password):
    assert (
        Passwords(rounds=CHEAP).objection(password, about=("alice@northside.example", "Alice Adams", "northside"))
        is not None
    )


def test_short_names_do_not_restrict_passwords():
    about = ("li@x.example", "Li Yu", "abc", None, "")
    assert Passwords(rounds=CHEAP).objection("lively abc yucca 73", about=about) is None


@pytest.mark.slow(reason="long hostile passwords")
@pytest.mark.parametrize(
    "password",
    ["4@({[<369!17|0$5+%2" * 13, "4a@({[<3e69gi!1l7|0o$s5t+%x2z" * 8, "ab" * 128, "a1" * 128, "19901212" * 32, "\u0130" * 256, "\ufdfa" * 256,
     "\U0001f600" * 256, "(" * 256, "aA" * 128, "\\" * 256, ".*" * 128],
    ids=lambda one: ascii(one[:6]),
)  # fmt: skip
def test_crafted_password_is_checked_within_bounded_cpu_time(password):
    """Runs in a process with a CPU limit: without a bound, some of these passwords would take minutes."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_CPU, (5, 5));"
        "from models.passwords import Passwords; Passwords(rounds=1000).objection(sys.argv[1], about=('alice@northside.example',))"
    )
    done = subprocess.run([sys.executable, "-c", code, password], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_hash_match_and_strength_check_share_one_concurrency_limit():
    """While every slot is taken, hashing, checking and judging a password are all refused."""
    passwords = Passwords(rounds=CHEAP, at_once=1, patience_seconds=0.05)
    with passwords._slot("192.0.2.1"):
        for call in (
            lambda: passwords.hash("x"), lambda: passwords.matches("x", None), lambda: passwords.objection("purple kettle drives"),
        ):  # fmt: skip
            with pytest.raises(TooManyAtOnce):
                call()
    assert passwords.matches("x", passwords.hash("x"))


def test_concurrent_hashes_never_exceed_the_limit():
    class Counting:
        """Wraps the hashing scheme and counts concurrent calls."""

        def __init__(self, scheme) -> None:
            self.scheme, self.inside, self.most, self.lock = scheme, 0, 0, threading.Lock()

        def hash(self, password: str) -> str:
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            try:
                return self.scheme.hash(password)
            finally:
                with self.lock:
                    self.inside -= 1

    passwords = Passwords(rounds=100_000, at_once=2, patience_seconds=60.0)
    passwords._scheme = counting = Counting(passwords._scheme)
    answers = together(12, lambda number: passwords.hash(str(number), caller=f"192.0.2.{number}"))
    assert all(isinstance(one, str) for one in answers)
    assert 1 <= counting.most <= 2
