"""What the page is served with: what its browser may do, and what it must know before anybody is signed in."""

import json

from swipr.settings import Settings


def headers(chosen: Settings) -> dict[str, str]:
    """Of each of the page's files."""
    return {
        "Content-Security-Policy": policy(chosen),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


def policy(chosen: Settings) -> str:
    """Asked are this origin, the sign-in's for tokens, and the objects' for big files and uploads; no other.

    Uploads are fetches of a form's fields and signing in is a navigation, so no form has anywhere to go.
    """
    elsewhere = " ".join(filter(None, ("'self'", chosen.sign_in_url, chosen.objects_origin)))
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src {elsewhere}; "
        "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    )


def configuration(chosen: Settings) -> str:
    """JSON that everybody may read; `sign_in` is null where a token in the page's address signs in."""
    sign_in = {"url": chosen.sign_in_url, "client_id": chosen.sign_in_client, "scope": "openid swipr/use"}
    return json.dumps({"sign_in": sign_in if chosen.sign_in_url else None})
