LIMITS: dict[str, dict[str, str]] = {
    "POLLABLE_BODY_S='0' does not fit: it is a whole number from 1 to 31536000.": {"POLLABLE_BODY_S": "0"},
    "POLLABLE_BODY_RATE='fast' does not fit: it is a whole number from 0 to 1000000000.": {
        "POLLABLE_BODY_RATE": "fast"
    },
    "POLLABLE_MAX_CONNECTIONS='0' does not fit: it is a whole number from 1 to 1000000.": {
        "POLLABLE_MAX_CONNECTIONS": "0"
    },
    "POLLABLE_MAX_WAITERS='many' does not fit: it is a whole number from 0 to 1000000000.": {
        "POLLABLE_MAX_WAITERS": "many"
    },
    "POLLABLE_OWNER_MAX_JOBS='-1' does not fit: it is a whole number from 0 to 1000000000.": {
        "POLLABLE_OWNER_MAX_JOBS": "-1"
    },
    "POLLABLE_OWNER_MAX_BYTES='256MB' does not fit: it is a whole number from 0 to 9007199254740992.": {
        "POLLABLE_OWNER_MAX_BYTES": "256MB"
    },
    "POLLABLE_RERUN_TTL_S='1h' does not fit: it is a whole number from 1 to 31536000.": {"POLLABLE_RERUN_TTL_S": "1h"},
}
"""Wrong limits of connections and owners; as in `tests.wrong_settings`."""
