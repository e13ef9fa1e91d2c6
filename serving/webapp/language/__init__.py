"""English and French: messages, numbers and dates.

`translation` knows the language of a run of the page, `formats` writes numbers and dates in it, and
`notices` are the messages about what went wrong. English messages stand in the code; each other
language has a gettext catalogue here, ``<language>.po``.
"""
