"""How photos come in.

In: folders, archives, buckets, web servers, the drop folder, feedback. Out: `raw_images`, one row a
file, and photos stored under the hash of their content.
"""
