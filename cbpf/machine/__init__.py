"""The A/X machine of classic BPF: its instruction set, its programs, and the texts they are written in.

The machine (McCanne & Jacobson 1993) has an accumulator A, an index register X and sixteen cells of scratch memory,
all of 32 bits and 0 at the start. It looks at one packet, cannot change it, and ends with a verdict: how many bytes
of the packet to keep, 0 for none. Jumps go forward only, so every program ends.

"Is this an IPv4 packet to TCP or UDP port 53?" (fragments aside), for Ethernet:

>>> program = assemble('''
...         ldh  [12]           ; A = the EtherType, two bytes in network order
...         jne  #0x800, drop   ; the next instruction, or the one at the label
...         ldb  [23]           ; the IPv4 protocol
...         jeq  #6, transport
...         jne  #17, drop
... transport:
...         ldxb 4*([14]&0xf)   ; X = the length of the IPv4 header
...         ldh  [x + 16]       ; the destination port; past the end of the packet, the verdict is 0
...         jne  #53, drop
...         ret  #-1            ; keep everything
... drop:   ret  #0
... ''')
>>> verify(program)
>>> program[0]
Instruction(code=40, jt=0, jf=0, k=12)
>>> print(write(program, Form.TEXT), end="")  # doctest: +NORMALIZE_WHITESPACE
(000) ldh      [12]
(001) jeq      #0x800           jt 2    jf 9
(002) ldb      [23]
(003) jeq      #0x6             jt 5    jf 4
(004) jeq      #0x11            jt 5    jf 9
(005) ldxb     4*([14]&0xf)
(006) ldh      [x + 16]
(007) jeq      #0x35            jt 8    jf 9
(008) ret      #-1
(009) ret      #0

``cbpf.machine.opcodes`` has the numbers (``LD | H | ABS``); ``cbpf.engine`` runs programs.
"""

from __future__ import annotations

from cbpf.machine.assembler import assemble
from cbpf.machine.disassembler import disassemble
from cbpf.machine.listing import Form, read_program, recognise, write
from cbpf.machine.program import DEFAULT_SNAPLEN, Instruction, Program
from cbpf.machine.verifier import Rules, verify

__all__ = [
    "DEFAULT_SNAPLEN",
    "Form",
    "Instruction",
    "Program",
    "Rules",
    "assemble",
    "disassemble",
    "read_program",
    "recognise",
    "verify",
    "write",
]
