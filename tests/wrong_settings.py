"""Wrong settings, each under the one line that refuses it. `SECRET` stands in passwords, and in no line."""
# ruff: noqa: E501 - a refusal is one line, however long.

from tests.wrong_fronts import FRONTS
from tests.wrong_limits import LIMITS
from tests.wrong_sentinels import SENTINELS

SECRET = "hunter2"
LONG = SECRET * 10

ADDRESSES: dict[str, list[str]] = {
    "REDIS_URL must begin with redis://, rediss:// (TLS), unix:// or redis+sentinel://, as in redis://127.0.0.1:6379/0.": [
        "localhost:6379",
        "hunter2@localhost:6379",
        "http://:hunter2@localhost:6379",
        "sentinel://:hunter2@localhost:26379/mymaster",
        "unix+sentinel://:hunter2@localhost:26379/mymaster",
        '"redis://:hunter2@localhost:6379"',
    ],
    "REDIS_URL has a '/', '?', '#' or '@' too many; a password has them as %2F, %3F, %23 and %40, and '%' as %25.": [
        "redis://:hunter2#x@localhost:6379/0",
        "redis://:hunter2/x@localhost:6379/0",
        "redis://:hunter2?x@localhost:6379/0",
        "redis://:x@y/hunter2@localhost:6379/0",
    ],
    "REDIS_URL has a %-sequence that is no UTF-8; '%' itself is written %25.": ["redis://:hunter2%ff@localhost"],
    "REDIS_URL has a blank or a control character in it.": [
        "redis://:hunter2 x@localhost",
        "redis://:hunter2\n@localhost",
    ],
    "REDIS_URL has no password before its '@': write user:password@, or :password@ without a user.": [
        "redis://hunter2@localhost",
        "redis://:@localhost",
    ],
    "REDIS_URL has a port that is no number from 1 to 65535.": [
        "redis://user:hunter2",
        "redis://:hunter2@localhost:70000",
        "redis://:hunter2@localhost:0",
        "redis://:hunter2@localhost:abc",
        "redis://:hunter2@localhost:",
    ],
    "REDIS_URL names no host, or one that is no name of letters, digits, '-' and '.'.": [
        "redis://",
        "redis://:hunter2@",
        "redis://:hunter2@:6379",
        "redis://:hunter2@local..host",
    ],
    "REDIS_URL names no host: an IPv6 address stands in brackets, as in redis://[::1]:6379/0.": [
        "redis://:hunter2@::1:6379",
        "redis://:hunter2@[::1",
    ],
    "REDIS_URL has no IPv6 address in its brackets.": ["redis://:hunter2@[nowhere]:6379"],
    "REDIS_URL names several addresses; Pollable uses one Redis, or sentinels (redis+sentinel://).": [
        "redis://:hunter2@a:6379,b:6379"
    ],
    "REDIS_URL has a database that is no number from 0 to 9999.": [
        "redis://:hunter2@localhost/zero",
        "redis://:hunter2@localhost/-1",
        "redis://:hunter2@localhost/10000",
        "redis://:hunter2@localhost/0/1",
        "redis://:hunter2@localhost?db=zero",
    ],
    "REDIS_URL says something twice: an option, or its database after the slash and as db.": [
        "redis://:hunter2@localhost/0?db=1",
        "redis://:hunter2@localhost?db=1&db=2",
    ],
    "REDIS_URL has the option decode_responses; it may have db, ssl_ca_certs, ssl_certfile, ssl_keyfile: all else Pollable sets itself.": [
        "redis://:hunter2@localhost?decode_responses=true"
    ],
    "REDIS_URL has the option socket_timeout; it may have db, ssl_ca_certs, ssl_certfile, ssl_keyfile: all else Pollable sets itself.": [
        "redis://:hunter2@localhost?socket_timeout=60"
    ],
    "REDIS_URL has an unknown option; it may have db, ssl_ca_certs, ssl_certfile, ssl_keyfile: all else Pollable sets itself.": [
        "redis://:hunter2@localhost?hunter2=1"
    ],
    "REDIS_URL has something after its '?' that is no name=value.": ["redis://:hunter2@localhost?db"],
    "REDIS_URL has ssl_cert_reqs without TLS; that is rediss://.": ["redis://:hunter2@localhost?ssl_cert_reqs=none"],
    "REDIS_URL has an ssl_cert_reqs that accepts any certificate: set POLLABLE_REDIS_TLS_VERIFY=false instead.": [
        "rediss://:hunter2@localhost?ssl_cert_reqs=CERT_NONE",
        "rediss://:hunter2@localhost?ssl_cert_reqs=none",
    ],
    "REDIS_URL has an ssl_check_hostname that accepts any certificate: set POLLABLE_REDIS_TLS_VERIFY=false instead.": [
        "rediss://:hunter2@localhost?ssl_check_hostname=false"
    ],
    "REDIS_URL has ssl_ca_certs, which names no file.": [
        "rediss://:hunter2@localhost?ssl_ca_certs=/nowhere/hunter2.pem"
    ],
    "REDIS_URL must name a socket by its whole path, with three slashes, as in unix:///run/redis.sock.": [
        "unix://",
        "unix://run/redis.sock",
        "unix://:hunter2@",
    ],
}
"""REDIS_URL."""

VALUES: dict[str, dict[str, str]] = {
    "PORT='http' does not fit: it is a whole number from 0 to 65535.": {"PORT": "http"},
    "PORT='65536' does not fit: it is a whole number from 0 to 65535.": {"PORT": "65536"},
    "PORT='-1' does not fit: it is a whole number from 0 to 65535.": {"PORT": "-1"},
    "PORT='80.5' does not fit: it is a whole number from 0 to 65535.": {"PORT": "80.5"},
    "WEB_CONCURRENCY='0' does not fit: it is a whole number from 1 to 256.": {"WEB_CONCURRENCY": "0"},
    "WEB_CONCURRENCY='two' does not fit: it is a whole number from 1 to 256.": {"WEB_CONCURRENCY": "two"},
    "WEB_CONCURRENCY='100000' does not fit: it is a whole number from 1 to 256.": {"WEB_CONCURRENCY": "100000"},
    "POLLABLE_JOB_TIMEOUT_S='0' does not fit: it is a whole number from 1 to 31536000.": {
        "POLLABLE_JOB_TIMEOUT_S": "0"
    },
    "POLLABLE_JOB_TIMEOUT_S='10m' does not fit: it is a whole number from 1 to 31536000.": {
        "POLLABLE_JOB_TIMEOUT_S": "10m"
    },
    "POLLABLE_RESULT_TTL_S='-5' does not fit: it is a whole number from 1 to 31536000.": {
        "POLLABLE_RESULT_TTL_S": "-5"
    },
    "POLLABLE_FAILURE_TTL_S='99999999999999999999' does not fit: it is a whole number from 1 to 31536000.": {
        "POLLABLE_FAILURE_TTL_S": "99999999999999999999"
    },
    "POLLABLE_LEASE_S='0.5' does not fit: it is a number from 1 to 3600.": {"POLLABLE_LEASE_S": "0.5"},
    "POLLABLE_LEASE_S='nan' does not fit: it is a number from 1 to 3600.": {"POLLABLE_LEASE_S": "nan"},
    "POLLABLE_LEASE_S='inf' does not fit: it is a number from 1 to 3600.": {"POLLABLE_LEASE_S": "inf"},
    "POLLABLE_LEASE_S='7200' does not fit: it is a number from 1 to 3600.": {"POLLABLE_LEASE_S": "7200"},
    "POLLABLE_MAX_BODY_BYTES='256kB' does not fit: it is a whole number from 1 to 536870912.": {
        "POLLABLE_MAX_BODY_BYTES": "256kB"
    },
    "POLLABLE_MAX_RESULT_BYTES='1e12' does not fit: it is a whole number from 1 to 536870912.": {
        "POLLABLE_MAX_RESULT_BYTES": "1e12"
    },
    "POLLABLE_MEMORY_HEADROOM='60' does not fit: it is a whole number from 0 to 50.": {
        "POLLABLE_MEMORY_HEADROOM": "60"
    },
    "POLLABLE_MEMORY_HEADROOM='5%' does not fit: it is a whole number from 0 to 50.": {
        "POLLABLE_MEMORY_HEADROOM": "5%"
    },
    "POLLABLE_MAX_QUEUE_DEPTH='0' does not fit: it is a whole number from 1 to 1000000000.": {
        "POLLABLE_MAX_QUEUE_DEPTH": "0"
    },
    "POLLABLE_QUOTA_POLLS='-1' does not fit: it is a whole number from 0 to 1000000000.": {
        "POLLABLE_QUOTA_POLLS": "-1"
    },
    "POLLABLE_QUOTA_READS='many' does not fit: it is a whole number from 0 to 1000000000.": {
        "POLLABLE_QUOTA_READS": "many"
    },
    "POLLABLE_AUTH='basic' does not fit: it is jwt, none or tokens; the nearest to 'basic' is tokens.": {
        "POLLABLE_AUTH": "basic"
    },
    "POLLABLE_AUTH='jwt,token' does not fit: it is jwt, none or tokens; the nearest to 'token' is tokens.": {
        "POLLABLE_AUTH": "jwt,token"
    },
    "POLLABLE_SCOPES='require' does not fit: it is optional or required; the nearest to 'require' is required.": {
        "POLLABLE_SCOPES": "require"
    },
    "POLLABLE_FOREIGN_JOBS='write' does not fit: it is off, read or read-data; the nearest to 'write' is read.": {
        "POLLABLE_FOREIGN_JOBS": "write"
    },
    "POLLABLE_EXPOSE_ERRORS='maybe' does not fit: it is true or false.": {"POLLABLE_EXPOSE_ERRORS": "maybe"},
    "POLLABLE_EXPOSE_ERRORS='yes' does not fit: it is true or false.": {"POLLABLE_EXPOSE_ERRORS": "yes"},
    "POLLABLE_REDIS_CONNECTIONS='0' does not fit: it is a whole number from 1 to 10000.": {
        "POLLABLE_REDIS_CONNECTIONS": "0"
    },
    "POLLABLE_LOG_TRACEBACKS='no' does not fit: it is true or false.": {"POLLABLE_LOG_TRACEBACKS": "no"},
    "POLLABLE_PUBLIC_DOCS='on' does not fit: it is true or false.": {"POLLABLE_PUBLIC_DOCS": "on"},
    "POLLABLE_REDIS_TLS_VERIFY='none' does not fit: it is true or false.": {"POLLABLE_REDIS_TLS_VERIFY": "none"},
    "POLLABLE_REPLICAS='-1' does not fit: it is a whole number from 0 to 64.": {"POLLABLE_REPLICAS": "-1"},
    "POLLABLE_REDIS_RISKS='accept' does not fit: it is accepted or told; the nearest to 'accept' is accepted.": {
        "POLLABLE_REDIS_RISKS": "accept"
    },
    "POLLABLE_LOG_LEVEL='warn' does not fit: it is debug, error, info or warning; the nearest to 'warn' is warning.": {
        "POLLABLE_LOG_LEVEL": "warn"
    },
    "POLLABLE_LOG_LEVEL='INFO' does not fit: it is debug, error, info or warning; the nearest to 'INFO' is info.": {
        "POLLABLE_LOG_LEVEL": "INFO"
    },
    "POLLABLE_LOG_FORMAT='xml' does not fit: it is json or text; the nearest to 'xml' is text.": {
        "POLLABLE_LOG_FORMAT": "xml"
    },
    "POLLABLE_JOBS is no UTF-8.": {"POLLABLE_JOBS": "\udcff"},
}
"""One value that does not fit."""

LISTS: dict[str, dict[str, str]] = {
    "POLLABLE_ENVELOPES names 'nativ'; there are plain, record, minimal, managed, agent, native; the nearest is native.": {
        "POLLABLE_ENVELOPES": "plain,nativ"
    },
    "POLLABLE_ENVELOPES names 'plain' twice.": {"POLLABLE_ENVELOPES": "plain,plain"},
    "POLLABLE_ENVELOPES names 'my envelopes.own', which is no module's name, such as myapp.jobs.": {
        "POLLABLE_ENVELOPES": "plain,my envelopes.own"
    },
    "POLLABLE_ENVELOPES=',' has an empty entry.": {"POLLABLE_ENVELOPES": ","},
    "POLLABLE_JOBS='a,,b' has an empty entry.": {"POLLABLE_JOBS": "a,,b"},
    "POLLABLE_JOBS=',a' has an empty entry.": {"POLLABLE_JOBS": ",a"},
    "POLLABLE_JOBS names 'a.b' twice.": {"POLLABLE_JOBS": "a.b,a.b"},
    "POLLABLE_JOBS names 'my/jobs.py', which is no module's name, such as myapp.jobs.": {"POLLABLE_JOBS": "my/jobs.py"},
    "POLLABLE_JOBS names 'jobs:run', which is no module's name, such as myapp.jobs.": {"POLLABLE_JOBS": "jobs:run"},
    "POLLABLE_JOBS names '.jobs', which is no module's name, such as myapp.jobs.": {"POLLABLE_JOBS": ".jobs"},
    "POLLABLE_QUEUES names 'high' twice.": {"POLLABLE_QUEUES": "high,high"},
    "POLLABLE_QUEUES names 'a:b'; a queue's name is 1 to 64 letters, digits, '_', '.' or '-'.": {
        "POLLABLE_QUEUES": "a:b"
    },
    "POLLABLE_QUEUES names 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'; a queue's name is 1 to 64 letters, digits, '_', '.' or '-'.": {
        "POLLABLE_QUEUES": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    },
    "POLLABLE_AUTH names 'jwt' twice.": {"POLLABLE_AUTH": "jwt,jwt"},
}
"""Lists."""

TOGETHER: dict[str, dict[str, str]] = {
    "POLLABLE_AUTH is none alone, or jwt, tokens, or both.": {"POLLABLE_AUTH": "none,tokens"},
    "POLLABLE_JWT_SECRET is a setting for JSON Web Tokens, yet POLLABLE_AUTH is tokens; add jwt, or unset it.": {
        "POLLABLE_AUTH": "tokens",
        "POLLABLE_JWT_SECRET": LONG,
    },
    "POLLABLE_JWT_SECRET is a setting for JSON Web Tokens, yet POLLABLE_AUTH is none; add jwt, or unset it.": {
        "POLLABLE_AUTH": "none",
        "POLLABLE_JWT_SECRET": LONG,
    },
    "POLLABLE_JWT_SECRET is a setting for JSON Web Tokens, yet POLLABLE_AUTH is not set; set it to jwt.": {
        "POLLABLE_JWT_SECRET": LONG
    },
    "POLLABLE_JWT_ISSUER is a setting for JSON Web Tokens, yet POLLABLE_AUTH is not set; set it to jwt.": {
        "POLLABLE_JWT_ISSUER": "https://issuer.example"
    },
    "POLLABLE_SCOPES is a setting for JSON Web Tokens, yet POLLABLE_AUTH is tokens; add jwt, or unset it.": {
        "POLLABLE_AUTH": "tokens",
        "POLLABLE_SCOPES": "required",
    },
    "POLLABLE_AUTH names jwt, so exactly one of POLLABLE_JWT_SECRET, POLLABLE_JWKS_URL and POLLABLE_COGNITO_POOL must be set; 0 are.": {
        "POLLABLE_AUTH": "jwt"
    },
    "POLLABLE_JWT_SECRET has 7 bytes; HS256 needs at least 32 (RFC 7518, section 3.2).": {
        "POLLABLE_AUTH": "jwt",
        "POLLABLE_JWT_SECRET": "hunter2",
    },
    "POLLABLE_AUTH names jwt, so exactly one of POLLABLE_JWT_SECRET, POLLABLE_JWKS_URL and POLLABLE_COGNITO_POOL must be set; 2 are.": {
        "POLLABLE_AUTH": "jwt",
        "POLLABLE_JWT_SECRET": LONG,
        "POLLABLE_JWKS_URL": "https://issuer.example/keys",
    },
    "POLLABLE_JWT_AUDIENCE is whom an issuer's tokens are for; set POLLABLE_JWT_ISSUER, too.": {
        "POLLABLE_AUTH": "jwt",
        "POLLABLE_JWT_SECRET": LONG,
        "POLLABLE_JWT_AUDIENCE": "pollable",
    },
    "POLLABLE_COGNITO_CLIENTS names clients of a pool; set POLLABLE_COGNITO_POOL, too.": {
        "POLLABLE_AUTH": "jwt",
        "POLLABLE_JWT_SECRET": LONG,
        "POLLABLE_COGNITO_CLIENTS": "app",
    },
    "POLLABLE_JWT_ALGORITHMS names 'hs256'; with these keys it can be HS256, HS384, HS512; the nearest is HS256.": {
        "POLLABLE_AUTH": "jwt",
        "POLLABLE_JWT_SECRET": LONG,
        "POLLABLE_JWT_ALGORITHMS": "hs256",
    },
    "POLLABLE_JWKS_URL must start with https:// (http:// on a loopback address), without a user or password, and have no blank and no character that is not ASCII.": {
        "POLLABLE_AUTH": "jwt",
        "POLLABLE_JWKS_URL": "http://u:hunter2@issuer.example/keys",
    },
    "POLLABLE_COGNITO_POOL='pool' is no user pool id, such as eu-west-1_AbCdEfGhI.": {
        "POLLABLE_AUTH": "jwt",
        "POLLABLE_COGNITO_POOL": "pool",
        "POLLABLE_COGNITO_CLIENTS": "app",
    },
    "POLLABLE_COGNITO_CLIENTS must name the pool's app clients that are let in.": {
        "POLLABLE_AUTH": "jwt",
        "POLLABLE_COGNITO_POOL": "eu-west-1_AbCdEfGhI",
    },
    "POLLABLE_AUTH=none on 0.0.0.0 lets in every web page that a browser near it shows; name in POLLABLE_HOSTS by what callers know the service, such as jobs.example.com, or * for any.": {
        "POLLABLE_AUTH": "none",
        "PORT": "8000",
    },
    "POLLABLE_REDIS_TLS_VERIFY=false is for rediss://, and REDIS_URL is without TLS.": {
        "POLLABLE_REDIS_TLS_VERIFY": "false",
        "REDIS_URL": "redis://:hunter2@localhost",
    },
}
"""Settings that contradict each other."""

NAMES: dict[str, dict[str, str]] = {
    "There is no setting POLLABLE_JOB; the nearest known name is POLLABLE_JOBS.": {"POLLABLE_JOB": "a"},
    "There is no setting POLLABLE_REDIS_URL; the nearest known name is REDIS_URL.": {
        "POLLABLE_REDIS_URL": "redis://:hunter2@localhost"
    },
    "There is no setting POLLABLE_PORT; the nearest known name is PORT.": {"POLLABLE_PORT": "8000"},
    "There is no setting POLLABLE_WEB_CONCURRENCY; the nearest known name is WEB_CONCURRENCY.": {
        "POLLABLE_WEB_CONCURRENCY": "2"
    },
    "There is no setting POLLABLE_LEASE; the nearest known name is POLLABLE_LEASE_S.": {"POLLABLE_LEASE": "6"},
    "There is no setting POLLABLE_; the nearest known name is WEB_CONCURRENCY.": {"POLLABLE_": "x"},
    "There is no setting POLLABLE_SERVICE; the nearest known name is POLLABLE_METRICS.": {"POLLABLE_SERVICE": "x"},
    "There is no setting POLLABLE_WEB_PORT; the nearest known name is PORT.": {"POLLABLE_WEB_PORT": "8000"},
    "There is no setting POLLABLE_MAX_PORT_8000; the nearest known name is POLLABLE_MAX_RESULT_BYTES.": {
        "POLLABLE_MAX_PORT_8000": "1"
    },
}
"""Names that there are not."""

WRONG: list[tuple[str, dict[str, str]]] = [
    *((line, {"REDIS_URL": url}) for line, urls in (*ADDRESSES.items(), *SENTINELS.items()) for url in urls),
    *(row for group in (VALUES, LIMITS, LISTS, TOGETHER, NAMES, FRONTS) for row in group.items()),
]
