"""Handing a message in as a mail client does, or as another server on port 25."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from provisioner.clients.routes import EndpointLine, Routes, survey
from provisioner.clients.sessions import check_pin
from provisioner.clients.smtp import SmtpClient
from provisioner.clients.stream import BrokenOff, Stream
from provisioner.model.site import Host
from provisioner.probes.question import Endpoint, Unasked
from provisioner.probes.smtp import Reply
from provisioner.verbs.handover import Handover, Posting, Refusal, Stage
from provisioner.verbs.ports import Transport


def submit_message(
    posting: Posting,
    *,
    hosts: Sequence[Host],
    transports: Mapping[str, Transport],
    fingerprint: str | None,
) -> Handover:
    """Hand a message in; as provisioner.verbs.handover.Submit says.

    The first address of the host that can be reached from here is taken, otherwise the way
    through SSH.
    """
    door = posting.door
    endpoints = [
        Endpoint(door.host.key, address, door.service.port) for address in door.host.addresses
    ]
    reach = survey(endpoints)
    endpoint = next((each for each in endpoints if reach[each].outcome == "open"), endpoints[0])
    routes = Routes(hosts, transports, reach)
    chosen = routes.choose(endpoint)
    line = EndpointLine(routes, [] if isinstance(chosen, Unasked) else chosen, endpoint)
    session = _Session(posting, fingerprint)
    try:
        with line.dial() as stream:
            session.run(stream, line.helo)
    except BrokenOff as end:
        session.refuse(str(end))
    return replace(session.result, via=line.via, straight=routes.straight(endpoint))


class _Session:
    """One session; `result` grows while it goes on, `stage` says how far it came."""

    def __init__(self, posting: Posting, fingerprint: str | None) -> None:
        self._posting = posting
        self._fingerprint = fingerprint
        self.stage = Stage.CONNECT
        self.result = Handover()

    def refuse(self, words: str, code: int | None = None, recipient: str = "") -> None:
        """Note that the server did not go along."""
        refusal = Refusal(self.stage, words, code, recipient)
        self.result = replace(self.result, refusals=(*self.result.refusals, refusal))

    def run(self, stream: Stream, helo: str) -> None:
        """Go through all stages, as far as the server lets us; raise BrokenOff as it breaks off."""
        client = SmtpClient(stream, helo)
        self._open(client, stream)
        version = stream.secured.version() if stream.secured else None
        self.result = replace(self.result, tls=version or "")
        if (not self._posting.login or self._log_in(client, stream)) and self._address(client):
            self._deliver(client)
        client.quit()

    def _open(self, client: SmtpClient, stream: Stream) -> None:
        host, service = self._posting.door.host, self._posting.door.service
        if service.tls == "implicit":
            self.stage = Stage.TLS
            stream.start_tls(host.fqdn)
        client.greet()
        # A server that delivers goes on in the clear where there is no TLS; a user's
        # password does not.
        demanded = bool(self._posting.login) or "STARTTLS" in client.extensions
        if service.tls == "starttls" and demanded:
            self.stage = Stage.TLS
            client.ask_for_tls()
            stream.start_tls(host.fqdn)
            client.resume()

    def _log_in(self, client: SmtpClient, stream: Stream) -> bool:
        self.stage = Stage.LOGIN
        check_pin(stream, self._posting.door.service, self._fingerprint)
        if not client.offers_login:
            raise BrokenOff("the server offers no login that mailprov can use (AUTH PLAIN)")
        answer = client.login(self._posting.login, self._posting.secret)
        if not answer.accepted:
            code = answer.words[:3]
            self.refuse(answer.words, int(code) if code.isdecimal() else None)
        return answer.accepted

    def _address(self, client: SmtpClient) -> bool:
        """Name sender and recipients; return whether anybody is left to send to."""
        self.stage = Stage.MAIL
        reply = client.begin(self._posting.sender, len(self._posting.content))
        if not reply.is_positive:
            self.refuse(str(reply), reply.code)
            return False
        self.stage = Stage.RCPT
        replies = [(each, client.add_recipient(each)) for each in self._posting.recipients]
        for recipient, reply in replies:
            if not reply.is_positive:
                self.refuse(str(reply), reply.code, recipient)
        self._taken = tuple(recipient for recipient, reply in replies if reply.is_positive)
        return bool(self._taken)

    def _deliver(self, client: SmtpClient) -> None:
        self.stage = Stage.DATA
        reply: Reply = client.send_content(self._posting.content)
        if reply.is_positive:
            self.result = replace(self.result, accepted=self._taken, answer=str(reply))
        else:
            self.refuse(str(reply), reply.code)
