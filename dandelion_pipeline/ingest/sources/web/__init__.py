"""Photos on web servers, whose answers may be wrong, endless or absent.

In: an address. Out: files, within limits on requests and bytes.
"""
