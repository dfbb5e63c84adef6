"""Read a text as it was handed in: recognise HTML, turn it into plain text, and leave out embedded pictures.

- `read`: what every route that takes an essay calls
- `recognise`: is this text HTML?
- `to_text`: HTML to plain text with paragraphs
- `layout`: where lines, list items and cells begin and end
- `pictures`: pictures in plain text and in Markdown
"""
