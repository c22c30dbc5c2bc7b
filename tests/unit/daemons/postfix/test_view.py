"""main.cf and master.cf: whose mail this is, who may relay, which ports are open."""

from __future__ import annotations

from unit.render.sites import ONE_HOST, artifacts_of, lines_of, site_of

_MAIN = "/etc/postfix/main.cf"
_MASTER = "/etc/postfix/master.cf"


def _main(more: str = "", text: str = ONE_HOST, platform: str = "debian-12") -> dict[str, str]:
    """Return the parameters of main.cf, lists joined by blanks."""
    artifact = artifacts_of(site_of(text, more), "mail", platform)[_MAIN]
    found: dict[str, str] = {}
    name = ""
    for line in artifact.content.decode().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace():
            found[name] = f"{found[name]} {line.strip()}".strip()
        else:
            name, _, value = line.partition("=")
            name = name.strip()
            assert name not in found, "set twice"
            found[name] = value.strip()
    return found


def test_a_virtual_domain_is_in_one_address_class_only() -> None:
    got = _main("domains: {example.com: {}}\n")
    assert got["virtual_mailbox_domains"] == "example.org example.com"
    assert got["mydestination"] == "$myhostname localhost.$mydomain localhost"
    assert got["relay_domains"] == ""
    assert got["virtual_alias_domains"] == ""
    assert got["virtual_transport"] == "lmtp:unix:private/dovecot-lmtp"
    assert got["local_transport"].startswith("error:")


def test_a_host_named_like_its_domain_is_not_in_two_classes() -> None:
    text = ONE_HOST.replace("{address", "{fqdn: example.org, address")
    assert _main(text=text)["mydestination"] == "localhost.$mydomain localhost"


def test_system_users_are_local_and_further_domains_lead_to_them() -> None:
    got = _main("accounts: system\ndomains: {example.com: {}}\n")
    assert got["mydestination"] == "$myhostname localhost.$mydomain localhost $mydomain"
    assert got["virtual_alias_domains"] == "example.com"
    assert got["mailbox_transport"] == "lmtp:unix:private/dovecot-lmtp"
    assert "virtual_mailbox_domains" not in got
    assert got["local_recipient_maps"] == "texthash:/etc/postfix/mailprov/recipients"


def test_only_this_host_relays_unless_networks_are_trusted() -> None:
    assert _main()["mynetworks"] == "127.0.0.0/8 [::1]/128"
    got = _main('networks: {trusted: [10.0.0.0/8, "2001:db8::/48"]}\n')
    assert got["mynetworks"] == "127.0.0.0/8 [::1]/128 10.0.0.0/8 [2001:db8::]/48"


def test_an_open_relay_says_why() -> None:
    more = "networks: {trusted: [0.0.0.0/0], resolver: [10.0.0.0/8]}\n"
    more += "allow_insecure: {open-relay: a test net}\n"
    assert _main(more)["mynetworks"].endswith("0.0.0.0/0")
    text = artifacts_of(site_of(ONE_HOST, more), "mail")[_MAIN].content.decode()
    assert "open-relay: a test net" in text


def test_a_stranger_gets_a_final_no() -> None:
    assert _main()["smtpd_relay_restrictions"] == "permit_mynetworks reject_unauth_destination"


def test_a_stranger_gets_it_before_anything_that_could_be_tried_again() -> None:
    refusal, temporary = "reject_unauth_destination", "reject_unknown_sender_domain"
    old = _main(platform="el-9")["smtpd_recipient_restrictions"].split()
    assert old.index(refusal) < old.index(temporary)
    assert refusal not in _main()["smtpd_recipient_restrictions"]


def test_ports_are_numbers_and_follow_the_site() -> None:
    every = lines_of(site_of(ONE_HOST), "mail", _MASTER)
    assert [line.split()[0] for line in every if " inet " in line] == ["25", "465", "587"]
    one = lines_of(site_of(ONE_HOST, "submission: {ports: 465}\n"), "mail", _MASTER)
    assert [line.split()[0] for line in one if " inet " in line] == ["25", "465"]


def test_logging_in_needs_tls_and_port_25_knows_no_login() -> None:
    lines = lines_of(site_of(ONE_HOST), "mail", _MASTER)
    first = lines.index(next(line for line in lines if line.startswith("25 ")))
    assert not lines[first + 1].startswith("-o")
    assert lines.count("-o smtpd_tls_security_level=encrypt") == 2
    assert lines.count("-o smtpd_tls_auth_only=yes") == 2
    assert lines.count("-o smtpd_relay_restrictions=permit_sasl_authenticated,reject") == 2
    (sender,) = {line for line in lines if "smtpd_sender_restrictions" in line}
    assert "permit_sasl_authenticated, check_client_access static:{530 " in sender
    # At RCPT Postfix would ask nothing about a bare postmaster.
    assert lines.count("-o smtpd_delay_reject=no") == 2
    assert "smtpd_sasl_auth_enable" not in _main()


def test_limits_are_the_sites() -> None:
    more = "submission: {message_size: 25M, logins_per_minute: 7, connections: 9}\n"
    lines = lines_of(site_of(ONE_HOST, more), "mail", _MASTER)
    assert "-o smtpd_client_auth_rate_limit=7" in lines
    assert "-o smtpd_client_connection_count_limit=9" in lines
    assert _main(more)["message_size_limit"] == str(25 * 1024**2)


def test_what_one_address_may_hold_is_far_below_what_a_port_has() -> None:
    """Three addresses could take every process of port 25, and five those of 465."""
    got = _main()
    assert int(got["smtpd_client_connection_count_limit"]) * 16 < _processes("25")
    assert _processes("465") > 20 * 16
    assert _processes("587", "submission: {connections: 30}\n") == 20 * 30
    assert _processes("587", "submission: {connections: 500}\n") == 1000


def _processes(port: str, more: str = "") -> int:
    lines = lines_of(site_of(ONE_HOST, more), "mail", _MASTER)
    (fields,) = (line.split() for line in lines if line.split()[:2] == [port, "inet"])
    return int(fields[6])


def test_the_right_password_does_not_wait_for_wrong_ones_longer_than_postfix_does() -> None:
    """A tab, because Postfix hands it to Dovecot as it is, and there it ends the service's name."""
    assert _main()["smtpd_sasl_service"] == "smtp\tno-penalty"


def test_mail_to_the_prober_is_looked_at_first_on_every_port() -> None:
    table = "texthash:/etc/postfix/mailprov/probe"
    on_25 = _main()["smtpd_recipient_restrictions"]
    assert on_25.index(f"check_recipient_access {table}") < on_25.index("permit_mynetworks")
    lines = lines_of(site_of(ONE_HOST), "mail", _MASTER)
    wanted = f"-o smtpd_recipient_restrictions=check_recipient_access,{table}"
    assert sum(line.startswith(wanted) for line in lines) == 2


def test_a_flood_for_one_mailbox_leaves_room_for_the_others() -> None:
    got = _main()
    # Only with one recipient in each delivery is the other limit one for each mailbox.
    assert got["lmtp_destination_recipient_limit"] == "1"
    (line,) = (one for one in lines_of(site_of(ONE_HOST), "mail", _MASTER) if one[:5] == "lmtp ")
    in_all = int(line.split()[6])
    assert int(got["lmtp_destination_concurrency_limit"]) <= in_all // 10


def test_a_login_to_submit_waits_for_no_name_server() -> None:
    lines = lines_of(site_of(ONE_HOST), "mail", _MASTER)
    assert lines.count("-o smtpd_peername_lookup=no") == 2
    assert "smtpd_peername_lookup" not in _main()


def test_submission_logs_no_handshake_that_went_well_and_port_25_does() -> None:
    assert lines_of(site_of(ONE_HOST), "mail", _MASTER).count("-o smtpd_tls_loglevel=0") == 2
    assert _main()["smtpd_tls_loglevel"] == "1"


def test_services_are_confined_where_the_release_does_so() -> None:
    def chroot(platform: str) -> set[str]:
        lines = lines_of(site_of(ONE_HOST), "mail", _MASTER, platform)
        return {line.split()[4] for line in lines if line.endswith(" smtpd")}

    assert chroot("debian-12") == {"y"}
    assert chroot("el-9") == {"n"}


def test_a_site_without_tls_offers_none_and_has_no_wrapped_port() -> None:
    more = "tls: none\nallow_insecure: {no-tls: a test net, cleartext-login: a test net}\n"
    more += "".join(
        f"{name}: {{cleartext_login: true}}\n" for name in ("submission", "imap", "pop3")
    )
    got = _main(more)
    assert got["smtpd_tls_security_level"] == "none"
    assert "smtpd_tls_chain_files" not in got
    lines = lines_of(site_of(ONE_HOST, more), "mail", _MASTER)
    assert [line.split()[0] for line in lines if " inet " in line] == ["25", "587"]
    assert "-o smtpd_tls_auth_only=no" in lines


def test_dane_stands_on_the_sites_own_resolver() -> None:
    assert _main()["smtp_tls_security_level"] == "dane"
    assert _main()["smtp_dns_support_level"] == "dnssec"


def test_programs_have_the_names_that_the_release_gives_them() -> None:
    assert _main(platform="el-9")["sendmail_path"] == "/usr/sbin/sendmail.postfix"
    assert "sendmail_path" not in _main()


def test_the_table_that_hides_the_clients_is_named_by_its_content() -> None:
    files = artifacts_of(site_of(ONE_HOST), "mail")
    (path,) = [path for path in files if "submission-headers" in path]
    other = artifacts_of(
        site_of(ONE_HOST.replace("{address", "{fqdn: mx.example.org, address")), "mail"
    )
    assert path not in other
    assert path not in artifacts_of(site_of(ONE_HOST, "domains: {example.net: {}}\n"), "mail")
    assert f"-o header_checks=regexp:{path}" in lines_of(site_of(ONE_HOST), "mail", _MASTER)


def test_postfix_knows_the_addresses_that_a_router_translates_to_it() -> None:
    assert "proxy_interfaces" not in _main()
    own = "address: 192.0.2.10"
    behind = ONE_HOST.replace(own, "address: 10.0.0.5, public_address: [10.0.0.5, 192.0.2.10]")
    assert _main(text=behind)["proxy_interfaces"] == "192.0.2.10"
    # One that it cannot read would keep it from starting.
    both = "public_address: [192.0.2.10, 2001:db8::10]"
    assert (
        _main(text=ONE_HOST.replace(own, f"address: 10.0.0.5, {both}"))["proxy_interfaces"]
        == "192.0.2.10"
    )
    got = _main(text=ONE_HOST.replace(own, f"address: [10.0.0.5, fd00::5], {both}"))
    assert got["proxy_interfaces"] == "192.0.2.10 2001:db8::10"


def test_without_a_resolver_of_its_own_in_resolv_conf_postfix_does_not_check_dane() -> None:
    assert _main()["smtp_tls_security_level"] == "dane"
    kept = ONE_HOST.replace("{address", "{resolv_conf: keep, address")
    assert _main(text=kept)["smtp_tls_security_level"] == "may"
