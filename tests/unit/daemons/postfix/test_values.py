"""What is wrong with Postfix's values, judged from what postconf(1) says of itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.remote_parts import text_of

ITSELF = (
    *("= switch", "smtpd_tls_auth_only = no", "biff = yes", "myorigin = $myhostname"),
    *("smtpd_forbid_bare_newline = no", "daemon_directory = no"),
    *("= type", "texthash", "proxy"),
    *("= class", "permit_friends, reject_strangers"),
    "= set",
)


def judged(*values: str) -> list[str]:
    """Return what is told of lines as `postconf -nx` and `postconf -Px` have them."""
    text = text_of("postfix/values")
    rows = "".join(f"{row}\n" for row in (*ITSELF, *values))
    done = subprocess.run(
        ["sh", "-c", f"{text}\njudge_values"],
        input=rows,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("biff = maybe", 'told\tbiff\t"maybe" is neither yes nor no'),
        ("biff =", 'told\tbiff\t"" is neither yes nor no'),
        (
            "587/inet/smtpd_tls_auth_only = on",
            'told\t587/inet/smtpd_tls_auth_only\t"on" is neither yes nor no',
        ),
        (
            "smtp_tls_security_level = sometimes",
            "told\tsmtp_tls_security_level\tno such TLS security level: sometimes",
        ),
        ("inet_protocols =", "told\tinet_protocols\tempty: nothing would listen"),
        (
            "alias_maps = texthash:/etc/a, proxy:nosuch:/etc/b",
            "told\talias_maps\tno such type of table: nosuch",
        ),
        (
            "smtpd_client_restrictions = check_client_access nosuch:a",
            "told\tsmtpd_client_restrictions\tno such type of table: nosuch",
        ),
        (
            "smtpd_client_restrictions = reject_strangers, permit, reject_whoever",
            "word\tsmtpd_client_restrictions\treject_whoever",
        ),
        ("smtp_tls_CAfile = /etc/ca.pem", "file\tsmtp_tls_CAfile\t/etc/ca.pem"),
        ("mynetworks = 10.0.0.5/24", "network\tmynetworks\t10.0.0.5/24"),
        ("mynetworks = ![2001:db8::1]/32", "network\tmynetworks\t2001:db8::1/32"),
        (
            "mynetworks = fd00::/8",
            "told\tmynetworks\tfd00::/8: an IPv6 network stands in brackets, [2001:db8::]/32",
        ),
    ],
)
def test_a_value_that_breaks_mail_is_told(value: str, want: str) -> None:
    assert want in judged(value)


@pytest.mark.parametrize(
    "value",
    [
        "biff = NO",
        "biff = ${soft_bounce}",
        "smtp_tls_security_level = dane-only",
        "smtp_tls_security_level =",
        "smtpd_client_restrictions = reject_strangers",
        "smtpd_client_restrictions = permit, reject, sleep 5",
        "smtpd_tls_cert_file = none",
        "smtpd_tls_chain_files = $data_directory/x.pem",
        "alias_maps =",
        "virtual_alias_maps = inline:{ {a=b} }",
        "mynetworks = 127.0.0.1 hash:/etc/networks /etc/more cdb:/1",
        "message_size_limit = 10",
    ],
)
def test_a_value_that_may_be_right_is_left_alone(value: str) -> None:
    assert judged(value) == []


@pytest.mark.parametrize(
    ("words", "want"),
    [
        (("permit_mynetworks", "reject_unauth_destination"), ""),
        (("permit_mynetworks", "reject_whoever"), "p: no such restriction: reject_whoever\n"),
        (("reject_whoever",), "p: no such restriction: reject_whoever\n"),
        # One that another begins with is known by itself.
        (("reject_unauth", "reject_unauth_destination"), "p: no such restriction: reject_unauth\n"),
    ],
)
def test_a_restriction_is_known_by_the_program_that_carries_it_out(
    tmp_path: Path, words: tuple[str, ...], want: str
) -> None:
    (tmp_path / "smtpd").write_bytes(b"\x7fELF\n\0permit_mynetworks\0reject_unauth_destination\0\n")
    (tmp_path / "words").write_text("".join(f"p\t{word}\n" for word in words))
    (tmp_path / "restrictions").write_text("".join(f"{word}\n" for word in words))
    text = text_of("postfix/values")
    done = subprocess.run(
        ["sh", "-c", f"{text}\ncheck_folder={tmp_path}\ncheck_words {tmp_path}/smtpd"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == want


# As postmap(1): 0 for a name that is found, 1 for one that is in no map, and a fatal error.
_POSTMAP = """
postmap() {
    shift 2
    for map; do
        case $map in
            *catchall) echo found; return 0 ;;
            *broken) echo "postmap: fatal: open $map" >&2; return 1 ;;
        esac
    done
    return 1
}
"""


@pytest.mark.parametrize(
    ("maps", "broken"),
    [
        ("texthash:/etc/a regexp:/etc/b", []),
        ("texthash:/etc/a regexp:/etc/broken", ["regexp:/etc/broken"]),
        # Neither a map that knows every name nor one that is broken hides those behind it.
        ("cidr:/etc/a/catchall regexp:/etc/broken", ["regexp:/etc/broken"]),
        ("cidr:/a/broken, regexp:/b/broken", ["cidr:/a/broken", "regexp:/b/broken"]),
    ],
)
def test_every_map_is_opened(tmp_path: Path, maps: str, broken: list[str]) -> None:
    text = text_of("prelude", "postfix/checks")
    (tmp_path / "settings").write_text(f"x = {maps}\n")
    done = subprocess.run(
        ["sh", "-c", f"{text}{_POSTMAP}check_folder={tmp_path}\ncheck_maps"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    assert done.stderr.splitlines() == [f"postmap: fatal: open {one}" for one in broken]
