"""The pages, one module each: what is drawn between the navigation and the foot."""
