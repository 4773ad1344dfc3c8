"""A real name server on this machine, with a zone of its own and moods."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from dns import flags, message, rcode, rrset
from dns.exception import DNSException

from vote import resolver
from vote.mail_hosts import Ask

SILENT, GARBAGE = "silent", "garbage"
MOODS = {"servfail": rcode.SERVFAIL, "refused": rcode.REFUSED}


class NameServer:
    """Answers by UDP from `zone`: records as in a zone file ("MX 10 mx.example.org."), by name; or a mood.

    Names that are not there do not exist. `asked` counts the questions.
    """

    def __init__(self, zone: Mapping[str, Sequence[str] | str]) -> None:
        self.zone = dict(zone)
        self.asked: Counter[str] = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def ask(self) -> Ask:
        return resolver.name_server("127.0.0.1", self.port)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            packet, client = self._socket.recvfrom(4096)
            if not packet:
                return
            try:
                question = message.from_wire(packet)
            except DNSException:
                continue
            if (answer := self._answer(question)) is not None:
                self._socket.sendto(answer, client)

    def _answer(self, question: message.Message) -> bytes | None:
        wanted = question.question[0]
        name = wanted.name.to_text(omit_final_dot=True).lower()
        self.asked[name] += 1
        records = self.zone.get(name)
        if records == SILENT:
            return None
        if records == GARBAGE:
            return b"\0" * 40
        answer = message.make_response(question)
        answer.flags |= flags.RA
        if isinstance(records, str):
            answer.set_rcode(MOODS[records])
        elif records is None:
            answer.set_rcode(rcode.NXDOMAIN)
        else:
            self._tell(answer, name, records, wanted.rdtype.name)
        return answer.to_wire()

    def _tell(self, answer: message.Message, name: str, records: Sequence[str], wanted: str) -> None:
        for record in records:
            kind, _, data = record.partition(" ")
            if kind in {wanted, "CNAME"}:
                answer.answer.append(rrset.from_text(f"{name}.", 60, "IN", kind, data))
            if kind == "CNAME":
                self._tell(answer, data.rstrip("."), self.zone.get(data.rstrip("."), ()), wanted)
