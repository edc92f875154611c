"""The triage room: what is in a heap of captures.

    result = triage_file("one.pcap", filters)          # a pure function: a path and filters, and what is there
    everything = merged([result.summary, another.summary])

    result      what is found in a file
    survey      finding it: one pass over a file, with ``findings`` about flows, and ``naming`` of protocols
    merge       how findings are put together
    run         many files, over the processors: ``workers`` are processes, each of which runs ``worker``
    ledger      the results file, a line a file: ``record`` is what a line says
    report      the text table, JSON, CSV and HTML

Nothing here knows how a packet is filtered: ``cbpf.capture.scan`` does that, and the survey beside it.
"""
