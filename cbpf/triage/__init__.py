"""The triage room: what is in a heap of captures.

result = triage_file("one.pcap", filters)          # a pure function: a path and filters, and what is there
everything = merged([result.summary, another.summary])

result      what is found in a file, and how findings are put together
survey      finding it: one pass over a file
run         many files, over the processors, with a record of what has been done
report      the text table, JSON, CSV and HTML
"""
