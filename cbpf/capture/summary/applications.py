"""What a summary says about the payload of a TCP segment: the first line of protocols that are text.

As tcpdump has it: the name of the protocol, and the first line if it is a request or a response.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

# Requests of RFC 9110 and of WebDAV (RFC 4918, RFC 3253), and what goes with them.
_HTTP: Final = frozenset(
    b"GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH UNLOCK SEARCH "
    b"REPORT UPDATE LABEL MERGE CHECKIN CHECKOUT UNCHECKOUT MKACTIVITY MKWORKSPACE VERSION-CONTROL "
    b"BASELINE-CONTROL NOTIFY POLL SUBSCRIBE UNSUBSCRIBE BCOPY BMOVE BDELETE BPROPFIND BPROPPATCH "
    b"CCM_POST RPC_CONNECT".split()
)
# RFC 5321; RFC 959, RFC 2228, RFC 2389, RFC 2428, RFC 3659; RFC 7826.
_SMTP: Final = frozenset(b"DATA EHLO EXPN HELO HELP MAIL NOOP QUIT RCPT RSET VRFY".split())
_FTP: Final = frozenset(
    b"ACCT APPE CWD DELE EPRT EPSV HELP LIST MDTM MKD MODE NLST NOOP PASS PASV PORT PWD QUIT REIN REST RETR "
    b"RMD RNFR RNTO SITE SIZE SMNT STAT STOR STOU STRU SYST TYPE USER".split()
)
_RTSP: Final = frozenset(
    b"ANNOUNCE DESCRIBE GET_PARAMETER OPTIONS PAUSE PLAY RECORD REDIRECT SET_PARAMETER SETUP TEARDOWN".split()
)
_STATUS: Final = re.compile(rb"\d\d\d$")
_LINE: Final = re.compile(rb"([\t\x20-\x7e]*)(\r?\n)?")
_LONGEST_START: Final = 40  # bytes in which the words of a request or response are that tell it
_LONGEST: Final = 300  # characters that are shown of a line

Application = Callable[[bytes, int], str]
"""Words about captured bytes of a payload of so many bytes."""


def _text(name: str, requests: frozenset[bytes], *, place: int) -> Application:
    """A protocol of lines, whose responses have the status at this word, counted from 0."""

    def words(payload: bytes, length: int) -> str:
        tokens = payload[:_LONGEST_START].split(None, 2)
        known = bool(tokens) and not payload[:1].isspace() and tokens[0].upper() in requests
        known = known or (len(tokens) > place and _STATUS.match(tokens[place]) is not None)
        match = _LINE.match(payload, 0, _LONGEST) if known else None
        if match is None:
            return f": {name}"
        cut = " [truncated]" if match[2] is None and len(payload) < length else ""
        return f": {name}: {match[1].decode().replace(chr(9), ' ')}{cut}"

    return words


_http = _text("HTTP", _HTTP, place=1)
_rtsp = _text("RTSP", _RTSP, place=1)

APPLICATIONS: Final[dict[int, Application]] = {
    21: _text("FTP", _FTP, place=0),
    25: _text("SMTP", _SMTP, place=0),
    80: _http,
    179: lambda payload, length: ": BGP",
    554: _rtsp,
    8080: _http,
    8554: _rtsp,
}
"""By TCP port."""
