"""Documents: how does a file or HTML become plain text?

Lives here: `rich_text` (HTML and pictures, for a text that came as text), and the readers of the files that students hand in:
`docx`, `odt`, `rtf`, `pdf` and `plain` (HTML and plain text), behind `file_type` (which of them a file is, by its content) and
`archive` (is a zip archive safe to unpack?).
May not: touch PostgreSQL, Redis or the network, know HTTP, or import a room but `models.errors`.
Start with: `convert`, which reads a file in a child process (`python -m documents`) whose limits stand in `sandbox`.
"""
