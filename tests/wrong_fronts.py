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
    "POLLABLE_METRICS='true' does not fit: it is admin, off or public; the nearest to 'true' is public.": {
        "POLLABLE_METRICS": "true"
    },
    "POLLABLE_METRICS=admin asks for a token, and everyone is let in without one; set POLLABLE_AUTH to tokens or jwt, or POLLABLE_METRICS to public.": {
        "POLLABLE_METRICS": "admin",
        "POLLABLE_AUTH": "none",
    },
    "POLLABLE_TRUSTED_PROXIES names 'unix' twice.": {"POLLABLE_TRUSTED_PROXIES": "unix,unix"},
    **{
        f"POLLABLE_CORS_ORIGINS names '{origin}'; write origins such as https://app.example.com or http://localhost:5173, without a path or a slash at the end, or * for any.": {
            "POLLABLE_CORS_ORIGINS": f"https://app.example.com,{origin}"
        }
        for origin in (
            *("app.example.com", "https://app.example.com/", "https://app.example.com/page", "https://*.example.com"),
            *("null", "ftp://app.example.com", "https://me@app.example.com", "https://app.example.com:0"),
            *("https://app.example.com:65536", "https://[::1", "https://1.2.3", "file:///srv", "https://"),
        )
    },
    "POLLABLE_CORS_ORIGINS names 'https://app.example.com' twice.": {
        "POLLABLE_CORS_ORIGINS": "https://app.example.com,https://app.example.com"
    },
    "POLLABLE_CORS_ORIGINS=* with POLLABLE_AUTH=none lets in every page that is open in a browser near it; name the origins, such as http://localhost:5173, or set POLLABLE_AUTH to tokens or jwt.": {
        "POLLABLE_CORS_ORIGINS": "*"
    },
}
