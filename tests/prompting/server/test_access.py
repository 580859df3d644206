"""Who is let in: the token's owner, from the server's own page or from a program."""

import pytest

from nnunetv2_muduo.prompting.server.access import Access
from nnunetv2_muduo.prompting.server.refused import Refused


def status_of(access, token_of_address="", **headers):
    sent = {"Host": "127.0.0.1:8000"} | {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        access.require({name: value for name, value in sent.items() if value is not None}, token_of_address)
    except Refused as refused:
        return int(refused.status)
    return 200


@pytest.fixture
def access():
    return Access("127.0.0.1", 8000)


def test_the_token_opens_from_the_address_the_cookie_and_the_header(access):
    cookie = access.set_cookie.partition(";")[0]
    assert status_of(access, access.token) == 200
    assert status_of(access, Cookie=f"other=1; {cookie}; last=2") == 200
    assert status_of(access, Authorization=f"Bearer {access.token}") == 200


@pytest.mark.parametrize("token", ["", "x", "é", "\ud800", "a" * 10000])
def test_any_other_token_is_refused(access, token):
    assert status_of(access, token) == 401
    assert status_of(access, Authorization=f"Bearer {token}") == 401
    assert status_of(access, Cookie=f"muduo_8000={token}") == 401
    assert status_of(access, Cookie=f"muduo_8001={access.token}") == 401


def test_tokens_are_new_at_every_start_and_long():
    tokens = {Access("127.0.0.1", 8000).token for _ in range(20)}
    assert len(tokens) == 20
    assert min(map(len, tokens)) >= 32


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(access):
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(access.set_cookie.split("; "))


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[", "10.0.0.1:8000", None]
)
def test_a_name_that_was_made_to_point_here_is_refused(access, host):
    assert status_of(access, access.token, Host=host) == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "127.0.0.1:9000"])
def test_loopbacks_own_names_are_taken_through_a_tunnel_too(access, host):
    assert status_of(access, access.token, Host=host) == 200


def test_where_it_listens_everywhere_addresses_are_taken_and_names_are_not():
    access = Access("0.0.0.0", 8000)
    assert status_of(access, access.token, Host="10.0.0.1:8000") == 200
    assert status_of(access, access.token, Host="evil.example:8000") == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1:9999"},  # another port of this machine, to which browsers send the cookie too
        {"Origin": "https://127.0.0.1:8000"},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
def test_no_other_page_may_ask(access, headers):
    assert status_of(access, Cookie=access.set_cookie.partition(";")[0], **headers) == 403


def test_its_own_page_may_ask_and_a_link_with_the_token_may_be_followed(access):
    cookie = access.set_cookie.partition(";")[0]
    assert status_of(access, Cookie=cookie, Origin="http://127.0.0.1:8000", Sec_Fetch_Site="same-origin") == 200
    assert status_of(access, access.token, Sec_Fetch_Site="cross-site") == 200
