"""The file formats, as far as they must be known before a decoder may see a file.

Each module finds the first picture of a file and copies the parts that make it, and no others,
into a small file of the same format: its `Sanitized`. What a decoder could choke on (metadata,
further frames, junk between the parts) stays behind, and what it would work on for too long is
refused. All of it costs a few milliseconds for a large photo.
"""
