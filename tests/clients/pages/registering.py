"""A user's module of job types, for the pages' clients: of each page, one for each way to wait or to end."""

from pollable import job_type
from tests.clients.pages.work import KINDS, ROUTES, name_of, route_of, work

for page in ROUTES:
    for kind, options in KINDS.items():
        job_type(name_of(page, kind), submit=route_of(page, kind), envelope=page, **options)(work)
