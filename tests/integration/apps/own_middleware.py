"""A service that traces itself, and trusts nobody."""

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import tracekit

tracekit.init("own-name", clients=False)


async def item(request):
    return JSONResponse({"item": request.path_params["item"]})


inner = Starlette(routes=[Route("/items/{item}", item)])
outside = tracekit.ASGIMiddleware(inner, trust_incoming=False)
inside = Starlette(routes=[Route("/items/{item}", item)])
inside.add_middleware(tracekit.ASGIMiddleware, trust_incoming=False)
