"""The debugging room: what an expression means, what is wrong with it, and why a filter did what it did.

    explain     an expression in English and in full; ``programs`` do the same for programs from elsewhere
    lint        what is probably not meant
    clauses     what each primitive says of a packet, in its place; ``why`` makes a sentence of it
    trace       the instructions that a packet runs through, and the bytes they load
    annotate    how many packets came to each clause and instruction
    graph       decisions and control flow as pictures
    session     the debugger; ``commands`` are its lines, ``screen`` is its full-screen form
    fields      what the bytes of a packet are called

Each gives plain data; the commands of ``cbpf.cli`` render it.
"""
