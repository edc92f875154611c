"""What ``cbpf.capture.writer`` is made of: from packets to bytes, and from bytes to files.

encoding      how packets are written down in pcap and pcapng
output        bytes into a file, whole records at a time
compressors   the same, compressed
rotation      one file after another
"""
