"""Two owners of one running server: what is Ann's is none of Eve's."""

import time

import jwt

SECRET = "a secret that is long enough for HS256"
ORDER = {"type": "anything", "payload": 1}
JSON_BODY = ("content-type", "application/json")


def bearer(subject: str) -> str:
    claims = {"sub": subject, "exp": int(time.time()) + 3600, "scope": "jobs:read jobs:write"}
    return jwt.encode(claims, SECRET, algorithm="HS256")


ANN, EVE = bearer("ann"), bearer("eve")
