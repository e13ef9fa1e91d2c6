"""What may be deleted of the landing folders, and what has been."""
