"""Addresses, ports and names that stand for something else than one may think."""

from __future__ import annotations

from collections.abc import Iterator

from cbpf.compiler.addresses import dotted
from cbpf.debug.lint.context import Context
from cbpf.debug.lint.finding import NOTE, WARNING, Finding
from cbpf.debug.spelling import qualifiers_text
from cbpf.language.names import Names
from cbpf.language.syntax import Qualified
from cbpf.language.tokens import Kind

_LARGEST_PORT = 0xFFFF


def short_address(context: Context) -> Iterator[Finding]:
    """`host 10.0.1`, which is a network."""
    for tree in _qualified(context):
        token, kind = tree.value.token, tree.qualifiers.type
        if token.kind is Kind.IPV4 and kind in (None, "host") and len(token.groups) < 4:
            if tree.qualifiers.protocol == "decnet":
                continue
            from ipaddress import IPv4Address

            address, bits = dotted(token)
            network = f"{IPv4Address(address)}/{bits}"
            meant = f"{qualifiers_text(tree.qualifiers._replace(type='net'))} {network}"
            message = f"an address of {len(token.groups)} groups is a prefix: this is the network {network}"
            yield Finding("short-address", WARNING, tree.span, message, context.corrected({id(tree): meant}), True)


def number_as_host(context: Context) -> Iterator[Finding]:
    """`src 80`, which is the host 0.0.0.80."""
    for tree in _qualified(context):
        token, (protocol, _, kind) = tree.value.token, tree.qualifiers
        small = token.kind is Kind.NUMBER and token.value <= _LARGEST_PORT
        if not small or kind not in (None, "host") or protocol not in (None, "ip", "arp", "rarp"):
            continue
        if kind is None and protocol is None:
            what, meant_as = "a port", tree.qualifiers._replace(type="port")
        else:
            what, meant_as = "a network", tree.qualifiers._replace(type="net")
        meant = f"{qualifiers_text(meant_as)} {token.text}"
        address = ".".join(str(octet) for octet in token.value.to_bytes(4))
        message = f"a number alone is an address: this is the host {address}; {what} is written '{meant}'"
        yield Finding("number-as-host", WARNING, tree.span, message, context.corrected({id(tree): meant}))


def several_addresses(context: Context) -> Iterator[Finding]:
    """A host's name that stands for more than one address."""
    for tree in _qualified(context):
        token, (protocol, _, kind) = tree.value.token, tree.qualifiers
        if token.kind is not Kind.NAME or kind not in (None, "host", "gateway") or protocol == "link":
            continue
        addresses = sum(map(len, context.subject.names.hosts(token.text)))
        if addresses > 1:
            message = f"'{token.text}' has {addresses} addresses now; those are compiled in, and may change"
            yield Finding("several-addresses", NOTE, tree.span, message)


def services(context: Context) -> Iterator[Finding]:
    """The name of a port that not every transport has, or that they have on different ports."""
    for tree in _qualified(context):
        token, (protocol, _, kind) = tree.value.token, tree.qualifiers
        if token.kind is not Kind.NAME or kind != "port" or protocol is not None:
            continue
        service = context.subject.names.service(token.text)
        if service is None or service.transport is None:
            continue
        transport = service.transport.upper()
        everywhere = f"{qualifiers_text(tree.qualifiers)} {service.port}"
        other = "udp" if service.transport == "tcp" else "tcp"
        elsewhere = Names().port_on(token.text, other) if context.subject.of_system else None
        if elsewhere is not None and elsewhere != service.port:
            message = (
                f"'{token.text}' is port {service.port} of {transport} and {elsewhere} of {other.upper()}; "
                f"only the first is looked for"
            )
            more = f"({qualifiers_text(tree.qualifiers._replace(protocol=other))} {elsewhere}"
            meant = f"{more} or {qualifiers_text(tree.qualifiers._replace(protocol=service.transport))} {service.port})"
            yield Finding("service", WARNING, tree.span, message, context.corrected({id(tree): meant}))
        else:
            message = f"'{token.text}' is a service of {transport} alone; port {service.port} of any is '{everywhere}'"
            yield Finding("service", NOTE, tree.span, message, context.corrected({id(tree): everywhere}))


def _qualified(context: Context) -> Iterator[Qualified]:
    for reading in context.subject.readings:
        if isinstance(reading.primitive, Qualified):
            yield reading.primitive
