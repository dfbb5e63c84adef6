"""Ways to write a link, an address, a handle or a telephone number, and ordinary prose that looks a little like one.

Each form comes with the part that a reader could follow: none of it may be left in a text that a model wrote.
"""

from __future__ import annotations

# The form and, where it is not the whole form, the words that must not be left.
FORMS: tuple[tuple[str, str], ...] = (
    # Schemes
    ("https://zorblax.example/p?q=1", "zorblax"), ("http://zorblax.com", "zorblax"), ("HTTPS://ZORBLAX.COM/A", "zorblax"),
    ("ftp://files.zorblax.net/a", "zorblax"), ("mailto:zorblax@quint.org", "zorblax"), ("javascript:alert(7)", "alert"),
    ("data:text/html,<b>zorblax</b>", "text/html"), ("tel:+15550199", "5550199"), ("hxxp://zorblax[.]com/x", "zorblax"),
    ("hxxps://zorblax(.)com", "zorblax"), ("h**ps://zorblax.com", "zorblax"), ("http:\\\\zorblax.com", "zorblax"),
    ("http : // zorblax . com", "zorblax"), ("https:zorblax.com/x", "zorblax"), ("http[:]//zorblax.com", "zorblax"),
    ("//zorblax.com/x", "zorblax"), ("tg://resolve?domain=zorblax", "zorblax"), ("magnet:?xt=urn:zorblax", "zorblax"),
    ("view-source:zorblax.com", "zorblax"), ("http colon slash slash zorblax dot com", "zorblax"),
    # Names of sites
    ("www.zorblax.com", "zorblax"), ("www . zorblax . com", "zorblax"), ("www zorblax dot com", "zorblax"),
    ("w w w . zorblax . org", "zorblax"), ("zorblax.com", "zorblax"), ("ZORBLAX.COM", "zorblax"), ("zorblax.Com", "zorblax"),
    ("zorblax.xyz", "zorblax"), ("zorblax.lol", "zorblax"), ("zorblax.museum", "zorblax"), ("zorblax.cyou", "zorblax"),
    ("zorblax.zip", "zorblax"), ("zorblax.it", "zorblax"), ("zorblax.me", "zorblax"), ("zorblax.onion", "zorblax"),
    ("my-zorblax.co.uk", "zorblax"), ("zorblax.quest?id=3", "zorblax"), ("zorblax.dev:8080", "zorblax"),
    ("a.b.zorblax.photography", "zorblax"), ("bit.ly/zorblax", "zorblax"), ("t.me/zorblax", "zorblax"),
    ("wa.me/15550199", "15550199"), ("discord.gg/zorblax", "zorblax"), ("x.com/zorblax", "zorblax"),
    ("youtu.be/zorblax", "zorblax"), ("t . me / zorblax", "zorblax"),
    # Disguised dots
    ("zorblax dot com", "zorblax"), ("zorblax DOT com slash essay", "zorblax"), ("zorblax (dot) com", "zorblax"),
    ("zorblax[dot]xyz", "zorblax"), ("zorblax[.]com", "zorblax"), ("zorblax(.)lol/x", "zorblax"), ("zorblax{.}com", "zorblax"),
    ("zorblax <dot> com", "zorblax"), ("zorblax_dot_com", "zorblax"), ("zorblax-dot-com", "zorblax"),
    ("zorblax *dot* com", "zorblax"), ("zorblax d0t com", "zorblax"), ("zorblax dot lol", "zorblax"),
    ("zorblax dotcom", "zorblax"), ("zorblax . com", "zorblax"), ("zorblax .com", "zorblax"), ("zorblax. com", "zorblax"),
    ("ZORBLAX . COM", "zorblax"), ("z o r b l a x . c o m", "z o r"), ("zorblax punkt de", "zorblax"),
    ("zorblax punto com", "zorblax"), ("zorblax point fr", "zorblax"),
    # Unicode
    ("zorblax。com", "zorblax"), ("zorblax｡com", "zorblax"), ("zorblax．com", "zorblax"), ("zorblax․com", "zorblax"),
    ("zorblax﹒com", "zorblax"), ("zorblax·com", "zorblax"), ("zorblax‧com", "zorblax"), ("ｚｏｒｂｌａｘ．ｃｏｍ", "ｚｏｒ"),
    ("https：／／zorblax．com", "zorblax"), ("https:∕∕zorblax.com", "zorblax"), ("https:⁄⁄zorblax.com", "zorblax"),
    ("zorblax.сом", "zorblax"), ("zоrblах.соm", "rbl"), ("zorblax.c\u0338om", "zorblax"), ("ⓩⓞⓡⓑ.ⓒⓞⓜ", "ⓩⓞⓡ"),
    ("𝐳𝐨𝐫𝐛𝐥𝐚𝐱.𝐜𝐨𝐦", "𝐳𝐨𝐫"), ("bücher.example", "bücher"), ("xn--bcher-kva.example", "bcher"), ("пример.рф", "пример"),
    ("例子.中国", "例子"), ("zorblax.xn--p1ai", "zorblax"), ("сайт.онлайн", "онлайн"), ("zorb\u200blax.c\u200bom", "lax"),
    ("zorblax\u2060.\u2060com", "zorblax"), ("zor\u00adblax.com", "blax"), ("zorblax.c\ufe0fom", "zorblax"),
    ("t\u200b.\u200bme/zorblax", "zorblax"),
    # Line breaks
    ("https://\nzorblax.com/x", "zorblax"), ("zorblax.\ncom", "zorblax"), ("zorblax\n.com", "zorblax"),
    ("t.me/\nzorblax", "zorblax"), ("zorb\nlax.com", "lax.com"), ("ht\ntps://zorblax.com", "zorblax"),
    ("zorblax\r\n.\r\ncom", "zorblax"),
    # IP addresses
    ("192.0.2.7", "192.0"), ("192.0.2.7:8080/x", "192.0"), ("http://3221225991", "3221225991"), ("3221225991", "3221225991"),
    ("0xC0000207", "0xC0"), ("0xC0.0x00.0x02.0x07", "0xC0"), ("2001:db8::7", "2001"), ("[2001:db8::7]:80", "2001"),
    ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "2001"), ("::ffff:c000:207", "c000"),
    # Mail and handles
    ("zorblax@quint.org", "zorblax"), ("ZORBLAX@QUINT.ORG", "zorblax"), ("zorblax＠quint．org", "zorblax"),
    ("zorblax @ quint . org", "zorblax"), ("zorblax at quint dot org", "zorblax"), ("zorblax (at) quint (dot) org", "zorblax"),
    ("zorblax[at]quint.org", "zorblax"), ("zorblax [at] quint [dot] org", "zorblax"), ("zorblax AT quint DOT org", "zorblax"),
    ("zorblax at gmail", "zorblax"), ("zorblax at quint.org", "zorblax"), ("zorblax {at} quint", "zorblax"),
    ("zorblax arroba quint punto com", "zorblax"), ("zorblax@localhost", "zorblax"), ("@zorblax", "zorblax"),
    ("@zorblax_77", "zorblax"), ("＠zorblax", "zorblax"), ("@\u200bzorblax", "zorblax"), ("@zorblax@mastodon.social", "zorblax"),
    ("u/zorblax", "zorblax"), ("r/zorblax", "zorblax"), ("discord: zorblax#1234", "zorblax"), ("zorblax#1234", "zorblax"),
    ("Discord: zorblax", "zorblax"), ("telegram = zorblax_7", "zorblax"), ("add me on snap: zorblax", "zorblax"),
    ("add me on snap zorblax", "zorblax"), ("DM me on IG zorblax", "zorblax"), ("find us on Telegram as zorblax", "zorblax"),
    ("my insta is zorblax", "zorblax"), ("text me via WhatsApp", "WhatsApp"), ("hit me up on kik: zorblax", "zorblax"),
    # Telephone numbers
    ("+1 555 010 9987", "9987"), ("+44 (0)20 7946 0958", "7946"), ("+491701234567", "1701234567"), ("0044 20 7946 0958", "7946"),
    ("(555) 010-9987", "9987"), ("555-010-9987", "9987"), ("555.010.9987", "9987"), ("555-0199", "0199"), ("555 0199", "0199"),
    ("07911 123456", "123456"), ("07911123456", "7911123456"), ("06 12 34 56 78", "34 56"), ("030/1234567", "1234567"),
    ("1-800-ZORBLAX", "zorblax"), ("call 55501", "55501"), ("text us at 81 81 8", "81 8"), ("＋１ ５５５ ０１０ ９９８７", "９９８７"),
    ("٠٥٥٥٠١٠٩٩٨", "٠٥٥"), ("five five five oh one nine nine", "five"), ("five-five-five-zero-one-nine-nine", "five"),
    ("double five, five, zero one, nine nine eight", "five"), ("5 5 5 0 1 9 9", "5 0 1"), ("null eins sieben null vier drei acht", "sieben"),
    # Markup
    ("[zorblax](https://quint.example)", "quint"), ("[zorblax](quint.example)", "quint"), ("![z](http://quint.example/a.png)", "quint"),
    ("[z][1]\n[1]: https://quint.example", "quint"), ('<a href="https://quint.example">z</a>', "quint"),
    ("<a href=quint.example>z", "quint"), ("[url=https://quint.example]z[/url]", "quint"), ("[url]quint.example[/url]", "quint"),
    ("[img]http://quint.example/a[/img]", "quint"), ("<https://quint.example>", "quint"), ("&#104;ttp://quint.example", "quint"),
    ("quint&period;example", "quint"), ("**quint**.example", "quint"), ("qu**int.exa**mple", "quint"), ("`quint.example`", "quint"),
)  # fmt: skip

PROSE: tuple[str, ...] = (
    "Give an example, e.g. the harbour, i.e. the place itself.", "The U.S. and the U.K. signed it at 9:30 a.m. on Monday.",
    "About 3.5 of 10.25 metres and 1,000,000 people.", "Use and/or only once; he/she is clumsy.", "It lasted from 1990-1995.",
    "It lasted from 1990–1995 and 2001 - 2005.", "She has a Ph.D. in history.", "Mr.Smith and Dr.Jones are named first.",
    "You say it first.Then you say it again.", "The end is clear.It convinces me.", "Say why.In the end it matters.",
    "Say it once.then move on.", "See paragraph 2, sentence 3: the verb is missing.", "Write 10,000 or 10.000 or 10 000.",
    "On 28.11.2026, 2026-11-28 and 11/28/2026 nothing happened.", "The ratio is 3:1 and the time 10:20:30.",
    "Nearly 12 million (12 000 000) people live there.", "Pi is 3.14159265 in your text.", "Look at home for the answer.",
    "Meet at noon, not at six.", "A full stop (.) or a comma (,) belongs here.", "Put a full stop . The sentence ends here.",
    "The dot on the map is not explained.", "You connect the dots well.", "The point is good. So is the ending.",
    "Your point is, in short, convincing.", "one, two, three: the list is complete.", "Two or three of the four reasons work.",
    "Instagram is named twice; say what it does.", "Compare Facebook, TikTok and YouTube: which is worse?",
    "Line 3: the verb does not agree.", "Signal words: first, next, finally.", "Add a reason on page 2.", "Find a source on the topic.",
    "C++ and C# are languages.", "Rank #1 is not proved.", "It costs $5 or 20% less.", "Use 'its', not \"it's\".",
    "EE.UU. es un país.", "z.B. ein Beispiel, d.h. eines.", "A frase acaba. Com isso, o texto fecha.", "Bene. Io penso di sì.",
    "这篇文章很好。但是结尾太短。", "とても良い文章です。しかし短い。", "Это хорошо. Но конец слабый.", "и т.д., т.е. примеры",
    "Il est 9h30. Au fait, la fin manque.", "Das ist gut. Es fehlt ein Beispiel.", "यह अच्छा है। अंत छोटा है।", "هذا جيد. النهاية قصيرة.",
    "Chapters 1.2.3 and 4.5 are cited.", "Words such as so... and well... slow it down.", "Wait...what happens next?",
    "The reader asks: why? who? when?", "Turn “I was like” into “I thought”.", "5 < 6 and 7 > 3.", "In 1914 1918 soldiers died.",
    "pp. 112-134 and lines 100-120", "the 2019/2020 season", "24/7 is informal.", "Pick A or B (not both).", "It is 20 C at -5 m.",
    "A well-known, up-to-date, state-of-the-art phrase.", "Students said so. Me too, he wrote.", "No. 7 is next.", "vs. the others, etc.",
    "The word * is a note.", "Call the hero by name. Text one is longer.", "Number 12 is missing.", "Call 999 is told to everybody.",
)  # fmt: skip
