"""Wrong settings of what stands in front, each under the one line that refuses it; as in `tests.wrong_settings`."""
# ruff: noqa: E501 - a refusal is one line, however long.

FRONTS: dict[str, dict[str, str]] = {
    "POLLABLE_PATH_PREFIX='//evil.example' does not fit; it is a path such as /pollable or /api/jobs: at most 256 characters of a URL's path, no host, no `//`, no `.` or `..` between slashes.": {
        "POLLABLE_PATH_PREFIX": "//evil.example"
    },
    "POLLABLE_PATH_PREFIX='/a/../b' does not fit; it is a path such as /pollable or /api/jobs: at most 256 characters of a URL's path, no host, no `//`, no `.` or `..` between slashes.": {
        "POLLABLE_PATH_PREFIX": "/a/../b"
    },
    "POLLABLE_TRUSTED_PROXIES names '*': '*' does not appear to be an IPv4 or IPv6 network. Write addresses such as 10.1.2.3, networks such as 10.0.0.0/8, or unix for a Unix socket.": {
        "POLLABLE_TRUSTED_PROXIES": "*"
    },
    "POLLABLE_TRUSTED_PROXIES names '10.0.0.1/8': 10.0.0.1/8 has host bits set. Write addresses such as 10.1.2.3, networks such as 10.0.0.0/8, or unix for a Unix socket.": {
        "POLLABLE_TRUSTED_PROXIES": "10.0.0.1/8"
    },
    **{
        f"POLLABLE_HOSTS names '{host}'; write names such as jobs.example.com and addresses such as 10.1.2.3, without scheme, port or path, or * for any.": {
            "POLLABLE_HOSTS": f"jobs.example.com,{host}"
        }
        for host in (
            *("http://jobs.example.com", "jobs.example.com:8000", "jobs.example.com/jobs", "*.example.com"),
            *("10.0.0.0/8", "1.2.3", "[10.1.2.3]", "[::1]:80", "a..b", "jobs example"),
        )
    },
    "POLLABLE_TRUSTED_PROXIES names 'unix' twice.": {"POLLABLE_TRUSTED_PROXIES": "unix,unix"},
}
