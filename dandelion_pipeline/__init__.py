"""An image-classification pipeline on Dagster: labelled photos in, a served model out."""
