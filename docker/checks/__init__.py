"""What `docker/check_stack.py` does to the compose stack, step by step."""
