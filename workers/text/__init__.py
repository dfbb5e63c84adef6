"""One reading of an essay: its characters made plain, its lines joined, and each part of it named.

Lives here:
    reading               `read`: the clean text, its blocks and inline spans, and the way back to the stored text
    folding               characters: line ends, hidden characters, ligatures, look-alike letters, wrong decoding
    skeleton              the letters that a reader takes in, for finding a word however it is written
    lines, wrapping       the lines of a text, and which line ends a program made rather than the writer
    layout                blocks: prose, title, heading, header, letter part, list item, table, verse, dialogue and others
    line_kinds            the shapes of single lines that `layout` looks for
    inline                spans within a block: quotations, citations, measurements, code, names after a title
    segmentation          paragraphs, sentences and words, with offsets in code points
    kept_briefly          keeps for seconds what the three passes of an essay share
    invisible_characters  characters that cannot be seen: marks for a model, and their removal
May not: import anything else of `workers`.
Start with: `reading.read`.
"""
