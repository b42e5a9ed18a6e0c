"""Microsoft Graph v1.0 as far as reading calendars needs it, made after Microsoft's reference; with its sign-in.

    async with GraphSimulator(world, limits=True) as sim:
        sim.url            # http://127.0.0.1:PORT/v1.0, what the setting `url` takes
        sim.sign_in_url    # https://127.0.0.1:PORT: what `sign_in_url` takes; its certificate is signed by sim.ca_file
        sim.tenant, sim.client_id, sim.client_secret, sim.certify(pem)

msal refuses an authority, and a token endpoint, that is not https: no option turns that off. So the sign-in has a port
of its own with TLS (the same addresses answer on the plain port, for clients other than msal). What works is

    session = requests.Session()
    session.request = functools.partial(session.request, verify=sim.ca_file, timeout=30)

    msal.ConfidentialClientApplication(client_id, client_credential=secret, authority=f"{sim.sign_in_url}/{tenant}",
                                       instance_discovery=False, http_client=session)
    application.acquire_token_for_client(["https://graph.microsoft.com/.default"])

`msal(verify=...)` alone is not enough: requests lets the variable REQUESTS_CA_BUNDLE win over a session's `verify`,
though not over a request's own. `instance_discovery=False` because msal else asks Microsoft whether it knows that host;
`oidc_authority=` is not needed. A certificate is `client_credential={"private_key": pem, "public_certificate": pem}`
(or a thumbprint); it is made known with `sim.certify(certificate_pem)`. Access tokens are JSON Web Tokens that name
`roles`, as Microsoft's are.
"""

from tests.simulators.graph.limits import Limits
from tests.simulators.graph.server import GraphSimulator

__all__ = ["GraphSimulator", "Limits"]
