"""The two sandboxes of a demo: whose directories they hold, how they are started, and our application at QuickBooks'."""

from __future__ import annotations

from collections.abc import Mapping

TENANTS = ("stonecourse", "millbridge")
REALMS = ("9130350000000417", "9130350000000833")
SPARE = "9130350000001249"
"""A QuickBooks company with nobody in it, to connect by hand: a consent ends the tokens that the same company had before."""
CLIENT_ID, CLIENT_SECRET = "muster-demo", "muster-demo-secret"


def linarc(secrets: Mapping[str, str]) -> list[str]:
    """The options of Linarc's; a secret is an API key."""
    return [
        *(f"--tenant={tenant}:{secrets[f'linarc_{i}']}" for i, tenant in enumerate(TENANTS)),
        "--limits=off",
    ]


def quickbooks(secrets: Mapping[str, str]) -> list[str]:
    """The options of QuickBooks'; a secret is a refresh token."""
    return [
        *(f"--realm={realm}" for realm in (*REALMS, SPARE)),
        *(f"--refresh-token={realm}:{secrets[f'refresh_{i}']}" for i, realm in enumerate(REALMS)),
        f"--client-id={CLIENT_ID}",
        f"--client-secret={CLIENT_SECRET}",
        "--limits=off",
    ]


def application(url: str, verifier: str) -> dict[str, str]:
    """The settings of our application at the QuickBooks sandbox, which signs webhooks with `verifier`."""
    return {
        "MUSTER_EGRESS__LOOPBACK": "true",
        "MUSTER_APPLICATION__CLIENT_ID": CLIENT_ID,
        "MUSTER_APPLICATION__CLIENT_SECRET": CLIENT_SECRET,
        "MUSTER_APPLICATION__VERIFIER_TOKENS": verifier,
        "MUSTER_APPLICATION__AUTHORISE_URL": f"{url}/connect/oauth2",
        "MUSTER_APPLICATION__TOKEN_URL": f"{url}/oauth2/v1/tokens/bearer",
        "MUSTER_APPLICATION__REVOKE_URL": f"{url}/v2/oauth2/tokens/revoke",
        "MUSTER_APPLICATION__SANDBOX_URL": url,
    }
