"""The library room: named filters, which ``@name`` in an expression includes.

Library(folders)     the filters in some folders; later folders override earlier ones
default_library()    those that are shipped, and the user's own
library.find("dns")  a NamedFilter: its header, its text, and where it is

folders    where filters are looked for
reading    a file of a filter: its name, its header and its expression
shelf      the filters of several folders
checking   whether a filter does what it should, on samples
making     a new one
"""

from cbpf.library.reading import Header, LibraryError, NamedFilter
from cbpf.library.shelf import Library, default_library

__all__ = ["Header", "Library", "LibraryError", "NamedFilter", "default_library"]
