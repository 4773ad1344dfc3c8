"""What to think of what wapiti says, sentence by sentence; what is not listed here is an objection."""

from __future__ import annotations

import re

VERDICTS: tuple[tuple[str, str, str, str], ...] = (
    # what it is called, in which words, in which set-up, and what to think of it
    (
        "Secure Flag cookie",
        "",
        "without TLS",
        "right, and meant: without TLS no browser would send it back. With an `https://` address it is set "
        "(`web/test_sessions`), and behind haproxy nothing is found.",
    ),
    (
        "Cross Site Request Forgery",
        "Lack of anti CSRF token",
        "",
        "there is no token, and none is needed: `Sec-Fetch-Site`, else `Origin`, is checked before a form is read "
        "(`web/test_guards`). The scan sends it as a page of the site would.",
    ),
    (
        "Unencrypted Channels",
        "No HTTPS redirection",
        "without TLS",
        "right, and meant: TLS and the redirection to it are the proxy's, and behind it nothing is found.",
    ),
    (
        "Spring4Shell",
        "/entrer/",
        "",
        "not so, there is no Java here: the module takes any other answer to a second request for a sign, and the link "
        "of a sign-in letter serves once.",
    ),
    (
        "LDAP Injection",
        r"(GET|POST) (/en)?/(urne|bureau\S*) .*parameter \w+$",
        "",
        "not so, there is no LDAP here: the module takes pages that differ for a sign, and these show what comes in "
        "meanwhile, the turnout, the minutes and the fingerprint of the box.",
    ),
    (
        "Review Webserver Metafiles for Information Leakage",
        r"GET /en : Found webpage \S+/en/ on",
        "",
        "told for information: `/en` leads to `/en/`, the English home page, which every page names.",
    ),
    (
        "HTTP Methods",
        r"OPTIONS \(405\)",
        "",
        "told for information: OPTIONS is refused, and POST answers where the site has a form.",
    ),
    (
        "HTTP Methods",
        "GET (/en)?/metrics ",
        "behind haproxy",
        "told for information: the proxy keeps the metrics to itself, whatever the method.",
    ),
)


def judge(name: str, what: str, prey: str) -> str | None:
    """The sentence on a finding; None where nobody has thought about it."""
    for called, words, where, verdict in VERDICTS:
        if called == name and re.search(words, what) and re.search(where, prey):
            return verdict
    return None
