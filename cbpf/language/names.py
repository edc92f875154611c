"""Name databases: services, protocols, hosts, networks and Ethernet stations.

The system's own answer comes first (services(5), protocols(5), hosts(5) and DNS, networks(5), ethers(5)); for services
and protocols a small table of IANA's registered names follows, since many containers have no database at all.

What looks names up is imported only when there is one: most expressions have none, and the start-up counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar, cast

from cbpf.language.tokens import decimal_value

# IANA Service Name and Transport Protocol Port Number Registry: the names people filter by.
_SERVICES: dict[str, tuple[int, str]] = {
    name: (int(port), transports)
    for name, port, transports in (
        entry.split(":")
        for entry in (
            "echo:7:tu discard:9:tu systat:11:t daytime:13:tu chargen:19:tu ftp-data:20:t ftp:21:t ssh:22:t "
            "telnet:23:t smtp:25:t mail:25:t time:37:tu whois:43:t tacacs:49:tu domain:53:tu bootps:67:u "
            "bootpc:68:u tftp:69:u gopher:70:t finger:79:t http:80:t www:80:t kerberos:88:tu pop3:110:t "
            "sunrpc:111:tu portmapper:111:tu auth:113:t ident:113:t nntp:119:t ntp:123:u epmap:135:t "
            "loc-srv:135:t netbios-ns:137:u netbios-dgm:138:u netbios-ssn:139:t imap2:143:t imap:143:t "
            "snmp:161:tu snmp-trap:162:tu snmptrap:162:tu bgp:179:t irc:194:tu ldap:389:tu svrloc:427:tu "
            "https:443:tu microsoft-ds:445:tu submissions:465:t isakmp:500:u syslog:514:u shell:514:t "
            "printer:515:t route:520:u rip:520:u ripng:521:u dhcpv6-client:546:u dhcpv6-server:547:u rtsp:554:tu "
            "submission:587:t ipp:631:t ldaps:636:tu domain-s:853:tu rsync:873:t ftps-data:989:t ftps:990:t "
            "telnets:992:t imaps:993:t pop3s:995:t socks:1080:t openvpn:1194:tu ms-sql-s:1433:t ms-sql-m:1434:u "
            "l2f:1701:u l2tp:1701:u radius:1812:u radius-acct:1813:u nfs:2049:tu mysql:3306:t "
            "ms-wbt-server:3389:t svn:3690:t iax:4569:u sip:5060:tu sip-tls:5061:tu xmpp-client:5222:t "
            "xmpp-server:5269:t mdns:5353:u postgresql:5432:t amqps:5671:t amqp:5672:t x11:6000:t redis:6379:t "
            "http-alt:8080:tu"
        ).split()
    )
}

# IANA Assigned Internet Protocol Numbers, with the aliases that protocols(5) usually lists.
_PROTOCOL_NUMBERS: dict[str, int] = {
    name: int(number)
    for name, number in (
        entry.split(":")
        for entry in (
            "ip:0 hopopt:0 icmp:1 igmp:2 ggp:3 ipencap:4 st:5 tcp:6 egp:8 igp:9 pup:12 udp:17 hmp:20 xns-idp:22 rdp:27 "
            "iso-tp4:29 dccp:33 xtp:36 ddp:37 idpr-cmtp:38 ipv6:41 ipv6-route:43 ipv6-frag:44 idrp:45 rsvp:46 gre:47 "
            "esp:50 ah:51 skip:57 ipv6-icmp:58 ipv6-nonxt:59 ipv6-opts:60 rspf:73 vmtp:81 eigrp:88 ospf:89 ax.25:93 "
            "ipip:94 etherip:97 encap:98 pim:103 ipcomp:108 vrrp:112 l2tp:115 isis:124 sctp:132 fc:133 "
            "mobility-header:135 udplite:136 mpls-in-ip:137 manet:138 hip:139 shim6:140 wesp:141 rohc:142"
        ).split()
    )
}


def registered_service(name: str) -> bool:
    """Whether the built-in table has a service of that name."""
    return name in _SERVICES


def registered_protocols() -> frozenset[str]:
    """The names of IP protocols in the built-in table."""
    return frozenset(_PROTOCOL_NUMBERS)


class Service(NamedTuple):
    """A port number (0..65535) and the transport it is restricted to: ``tcp``, ``udp`` or None for no restriction."""

    port: int
    transport: str | None


class Names:
    """Answers from the system's databases. Tests and other uses may pass a subclass with answers of its own.

    Every method returns None (or nothing) for a name that is not known; none raises.
    """

    def service(self, name: str) -> Service | None:
        """The port a service has on TCP and on UDP; where both have it the service is not restricted to either.

        Where they differ the TCP port wins. Digits count as a name that both transports know.
        """
        number = decimal_value(name, 0xFFFF)
        if number is not None:
            return Service(number, None)
        tcp, udp = (self.port_on(name, transport) for transport in ("tcp", "udp"))
        if tcp is not None:
            return Service(tcp, None if udp == tcp else "tcp")
        return None if udp is None else Service(udp, "udp")

    def port_on(self, name: str, transport: str) -> int | None:
        """The port a service has on "tcp" or "udp"."""
        import socket

        try:
            return socket.getservbyname(name, transport)
        except (OSError, ValueError):
            port, transports = _SERVICES.get(name, (0, ""))
            return port if transport[0] in transports else None

    def protocol(self, name: str) -> int | None:
        """The IP protocol number of a name."""
        import socket

        try:
            return socket.getprotobyname(name)
        except (OSError, ValueError):
            return _PROTOCOL_NUMBERS.get(name)

    def hosts(self, name: str) -> tuple[list[int], list[int]]:
        """All IPv4 and all IPv6 addresses of a host as integers, each list in ascending order."""
        import socket
        from ipaddress import ip_address

        try:
            answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            answers = []
        found = {ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers}
        return (
            sorted(int(address) for address in found if address.version == 4),
            sorted(int(address) for address in found if address.version == 6),
        )

    def network(self, name: str) -> int | None:
        """The number of a network in networks(5), as 32 bits; an unset (zero) network counts as unknown."""
        for official, number, *aliases in _entries("/etc/networks"):
            groups = number.split(".")
            if (
                name in (official, *aliases)
                and len(groups) <= 4
                and all(group.isdigit() and int(group) < 256 for group in groups)
            ):
                return int.from_bytes(bytes(int(group) for group in groups).ljust(4, b"\0")) or None
        return None

    def ethernet(self, name: str) -> int | None:
        """The MAC address of a station in ethers(5), as 48 bits."""
        for address, *names in _entries("/etc/ethers"):
            groups = address.split(":")
            if name in names and len(groups) == 6:
                try:
                    return int.from_bytes(bytes(int(group, 16) for group in groups))
                except ValueError:
                    continue
        return None


Answer = TypeVar("Answer")


class AskedOnce(Names):
    """Asks another ``Names`` each question once: within one expression, a name means the same throughout."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._answers: dict[tuple[object, str], object] = {}

    def _ask(self, question: Callable[[str], Answer], name: str) -> Answer:
        key = (question.__name__, name)
        if key not in self._answers:
            self._answers[key] = question(name)
        return cast(Answer, self._answers[key])

    def service(self, name: str) -> Service | None:
        return self._ask(self._names.service, name)

    def protocol(self, name: str) -> int | None:
        return self._ask(self._names.protocol, name)

    def hosts(self, name: str) -> tuple[list[int], list[int]]:
        return self._ask(self._names.hosts, name)

    def network(self, name: str) -> int | None:
        return self._ask(self._names.network, name)

    def ethernet(self, name: str) -> int | None:
        return self._ask(self._names.ethernet, name)


def _entries(path: str) -> Iterator[list[str]]:
    """The words of each line of a database, comments taken off; nothing if the system does not have it."""
    try:
        with open(path, errors="replace") as lines:
            for line in lines:
                words = line.partition("#")[0].split()
                if len(words) > 1:
                    yield words
    except OSError:
        return
