"""The languages of the web app."""
