"""Wrong addresses of sentinels, each under the one line that refuses it; as in `tests.wrong_settings`."""
# ruff: noqa: E501 - a refusal is one line, however long.

SENTINELS: dict[str, list[str]] = {
    "REDIS_URL must name what the sentinels watch, as in redis+sentinel://a:26379,b:26379,c:26379/mymaster/0.": [
        "redis+sentinel://:hunter2@localhost:26379",
        "redis+sentinel://:hunter2@localhost:26379/",
        "rediss+sentinel://:hunter2@localhost//0",
        "redis+sentinel://:hunter2@localhost/my%20master",
    ],
    "REDIS_URL names a sentinel twice.": ["redis+sentinel://:hunter2@a:26379,b,a/mymaster"],
    "REDIS_URL has an empty or no sentinel_password; without it the sentinels are asked as nobody.": [
        "redis+sentinel://:hunter2@a/mymaster?sentinel_username=hunter2",
        "redis+sentinel://:hunter2@a/mymaster?sentinel_password=",
    ],
    "REDIS_URL has the option min_other_sentinels; it may have db, sentinel_username, sentinel_password, ssl_ca_certs, ssl_certfile, ssl_keyfile: all else Pollable sets itself.": [
        "redis+sentinel://a/mymaster?sentinel_password=hunter2&min_other_sentinels=1"
    ],
    "REDIS_URL has the option sentinel_password; it may have db, ssl_ca_certs, ssl_certfile, ssl_keyfile: all else Pollable sets itself.": [
        "redis://a/0?sentinel_password=hunter2"
    ],
    "REDIS_URL names no host, or one that is no name of letters, digits, '-' and '.'.": [
        "redis+sentinel://:hunter2@a,,b/mymaster",
        "redis+sentinel:///hunter2",
    ],
    "REDIS_URL has a database that is no number from 0 to 9999.": [
        "redis+sentinel://:hunter2@localhost/mymaster/hunter2",
        "redis+sentinel://:hunter2@localhost/mymaster/0/1",
    ],
    "REDIS_URL says something twice: an option, or its database after the slash and as db.": [
        "redis+sentinel://:hunter2@localhost/mymaster/0?db=1",
    ],
    "REDIS_URL has a port that is no number from 1 to 65535.": [
        "redis+sentinel://:hunter2@a:26379,b:hunter2/mymaster",
    ],
}
