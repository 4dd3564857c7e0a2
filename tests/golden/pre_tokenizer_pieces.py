"""Writes tests/golden/pre_tokenizer_pieces.json: the pieces that Split of the `tokenizers` library cuts texts into.

  texts      the texts
  patterns   name -> {"pattern", "pieces": for each text the bytes of its pieces, or null where the library refuses}

First the patterns that published vocabularies use, then one of each construct that other engines read otherwise.
Run: python3 tests/golden/pre_tokenizer_pieces.py   (needs tokenizers; made with 0.23.3)
"""
import json
import pathlib

from tokenizers import Regex, pre_tokenizers

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
SPACES = r"|\s*[\r\n]+|\s+(?!\S)|\s+"


def cased(suffix="", more=""):
    word = rf"[^\r\n\p{{L}}\p{{N}}]?"
    return (rf"{word}[{UPPER}{more}]*[{LOWER}{more}]+{suffix}|{word}[{UPPER}{more}]+[{LOWER}{more}]*{suffix}")


PUBLISHED = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + SPACES,
    "qwen2": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + SPACES,
    "cl100k": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    "o200k": cased(CONTRACTIONS + "?") + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + SPACES,
    "tekken": cased() + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + SPACES,
    "kimi": r"[\p{Han}]+|" + cased(CONTRACTIONS + "?", r"&&[^\p{Han}]") + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + SPACES,
    "deepseek_cjk": "[一-龥぀-ゟ゠-ヿ]+",
    "deepseek_v3": r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*""" + SPACES,
    "starcoder_digits": r"\p{N}",
    "groups_of_three": r"\d{1,3}(?=(?:\d{3})*\b)",
    "falcon_digits": "[0-9][0-9][0-9]",
    "bloom": r" ?[^(\s|[.,!?…。，、।۔،])]+",
}
CONSTRUCTS = {
    # Repeats.
    "possessive_plus": "a++a|.", "possessive_option": "a?+a|.", "possessive_star": "a*+b|.",
    "interval_then_plus": r"\p{N}{1,3}+|[^\p{N}]+", "exact_then_plus": "a{2}+b|.", "open_then_plus": "a{2,}+a|.",
    "lazy_interval": "a{1,3}?", "exact_then_question": "a{3}?", "interval_up_to": "a{,2}b|.", "zero": "a{0}b|.",
    "interval_reversed": "a{3,1}|.", "brace_of_text": "a{b}", "brace_unclosed": "a{1", "star_star": "a**b", "loop_of_empty": "(?:a*)*b|.",
    # Anchors.
    "caret": r"^\S+|\s+|\S", "dollar": r"\S+$|\s+|\S", "caret_inside": "a\n^b|.", "text_begin": r"\A\S|.", "text_end": r"\S\Z", "text_very_end": r"\n\z",
    "search_begin": r"\Ga", "word_boundary": r"\b", "no_word_boundary": r"\B", "boundary_then_word": r"\b\w",
    # Classes.
    "intersection": r"[\p{L}&&[^\p{Han}]]+|\p{Han}+|[^\p{L}]", "intersection_of_ranges": "[a-z&&[^aeiou]]+", "intersection_thrice": "[a-c&&b-d&&c-e]",
    "intersection_negated": "[^a-z&&m-p]+", "one_ampersand": "[a&b]+", "nested": "[a[bc]d]+", "nested_negated": "[^a[bc]]+",
    "negated_in_negated": "[^[^a-c]]+", "bracket_first": "[]a]+", "bracket_first_negated": "[^]a]+", "bracket_alone": "]+", "dash_last": "[a-]+",
    "posix": "[[:alpha:]]+", "posix_negated": "[[:^alpha:]]+", "posix_space": "[[:space:]]+", "posix_word": "[[:word:]]+", "posix_xdigit": "[[:xdigit:]]+",
    "posix_upper": "[[:upper:]]+", "posix_outside": "[:alpha:]+", "posix_punct": "[[:punct:]]+", "range_reversed": "[z-a]", "range_to_class": r"[a-\d]",
    # Types and properties.
    "hex_digit": r"\h+", "no_hex_digit": r"\H+", "hex_digit_in_class": r"[\h_]+", "word": r"\w+", "no_word": r"\W+", "digit": r"\d+", "space": r"\s+",
    "dot": ".+", "dot_all": "(?m).+", "dot_all_group": "(?m:.)+", "any": r"\O+", "no_newline": r"\N+", "line_end": r"\R", "cluster": r"\X", "keep": r"a\Kb",
    "property_negated": r"\p{^L}+", "property_capital": r"\P{L}+", "property_twice_negated": r"\P{^L}+", "property_long": r"\p{Uppercase_Letter}+",
    "property_spaced": r"\p{upper case}+", "property_script": r"\p{Greek}+", "property_alpha": r"\p{Alpha}+", "property_any": r"\p{Any}+",
    "property_block": r"\p{InBasicLatin}+", "property_emoji": r"\p{Emoji}+", "property_word": r"\p{Word}+", "property_one_letter": r"\pL+",
    "property_of_script": r"\p{Script=Greek}+", "property_of_pcre": r"\p{L&}+",
    # Characters.
    "u_escape": r"\u00e9+", "x_braces": r"\x{e9}+", "x_bytes": r"\xC3\xA9", "x_range": r"[\x{41}-\x{5a}]+", "octal": r"\101+", "control": r"\cA|\C-A",
    "quote": r"\Qa.b\E", "backspace": r"[\b]",
    # Options.
    "fold": "(?i:k)+", "fold_to_two": "(?i)ß", "fold_from_two": "(?i:ss)+", "fold_ligature": "(?i:fi)", "fold_sigma": "(?i)σ+", "fold_negated": "(?i)[^a]+",
    "extended": "(?x) a b # c", "dot_all_of_perl": "(?s).+", "word_of_ascii": r"(?W)\w+", "digit_of_ascii": r"(?D)\d+", "space_of_ascii": r"(?S)\s+",
    "option_of_python": r"(?a)\w+",
    # Groups.
    "lookahead": "a(?=b)", "lookbehind": "(?<=a)b", "lookbehind_negated": "(?<!a)b", "lookbehind_of_two": "(?<=a|bc)d", "lookbehind_open": "(?<=a+)b",
    "atomic": "(?>a+)a|.", "conditional": "(a)?(?(1)b|c)", "backreference": r"(a|b)\1", "named": r"(?<n>a)\k<n>", "named_of_python": "(?P<n>a)(?P=n)",
    "relative": r"(a)\k<-1>", "call": r"(?<p>\((?:[^()]|\g<p>)*\))", "recursion_of_perl": "(?R)", "absent": r"/\*(?~\*/)\*/", "comment": "a(?#x)b",
    "branch_reset": "(?|a|b)",
    # Matches of nothing.
    "empty_match": "a|", "empty_lookahead": "(?=b)", "lazy_to_nothing": ".*?",
}
TEXTS = [
    "aab aaab", "aXx\nbx\n", "a\r\nb\r\n\n", "1234567890", "aaaaaab", "abcabd cd.bcd", "Hello, World's it'S DON'T 'ſ we'll'VE",
    "strasse STRASSE straße ẞ", "fi ﬁ K k \u212a σςΣ", "漢字かなカナ abc 漢a, 1.5 km", "é É e\u0301 \u00c3\u00a9", "😀 x 👩\u200d👩\u200d👧", "[x] {1} a{b} a{1 :alpha: ^]-&",
    "(a(b)c) /* x */ y */ a.b", "\t \u00a0\u3000\u2028\u0085|\u200b", "٣٤٥ ²³ Ⅳ 0x1F_dead", "\x01\x08\x7f", "a&b&&a  indented\n\n  12,345,678 x_1", "aA bB",
]


def pieces(pattern):
    try:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
    except Exception:
        return None
    return [[len(piece.encode()) for piece, _ in split.pre_tokenize_str(text)] for text in TEXTS]


patterns = {name: {"pattern": pattern, "pieces": pieces(pattern)} for name, pattern in (PUBLISHED | CONSTRUCTS).items()}
lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row, separators=(',', ':'))}" for name, row in patterns.items())
path = pathlib.Path(__file__).with_name("pre_tokenizer_pieces.json")
path.write_text(f'{{\n "texts": {json.dumps(TEXTS)},\n "patterns": {{\n{lines}\n }}\n}}\n')
print(len(patterns), "patterns,", sum(row["pieces"] is None for row in patterns.values()), "refused,", path.stat().st_size, "bytes")
