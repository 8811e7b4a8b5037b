"""Parts of the grammar of HTTP's header fields (RFC 9110). Pure.

No quantifier gives back what it took, so a long header takes no longer than its length.
"""

import re

TCHARS = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
WORD = rf'(?:{TCHARS}|"(?:[^"\\]|\\.)*+")'
"""A token or a quoted string."""
BLANKS = r"[ \t]*+"


def text_of(word: str) -> str:
    """What a word says: a quoted string and the token of the same characters say the same."""
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word
