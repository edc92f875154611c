"""What ``cbpf.capture.live`` is made of: how an interface is heard on Linux, and elsewhere.

interfaces   which there are, and what they are called
hardware     what kind of packets they have
listener     a packet socket: its filter, waiting, the interface going away
ring         packets out of memory that is shared with the kernel (TPACKET_V3)
messages     packets one by one, where there is no such memory
frames       packets as they were on the wire, with VLAN tags, or with a cooked header
portable     what scapy has where there are no packet sockets
failures     what can go wrong
"""
