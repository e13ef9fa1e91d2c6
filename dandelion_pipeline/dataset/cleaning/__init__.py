"""`clean_images`: a day's photos measured, judged and grouped, and the checks of the day.

In: `raw_images`. Out: `clean_images`.
"""
