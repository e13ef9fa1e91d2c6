"""What a request passes before it reaches a route, in this order.

`connections`, `request_id`, metrics, `security_headers`, `rate`, `origin`, `auth`, `limits`.
"""
