"""What triage found, in the forms that people and programs read.

model       what a report is about: the files, the filters, and all of it together
commands    the command that extracts the packets of a cell
units       numbers, sizes and times as people read them
text        for terminals
json        everything, as one object
csv         the matrix, or the files, as rows
html        one page that needs no network; page/ has its parts
"""
