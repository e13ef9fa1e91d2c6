"""Processes and sockets: the server, its workers, threads and memory."""
