"""Writes the reference ids of SmolLM2's tokenizer:

  tests/golden/tokenizer_ids.jsonl   one {"text" or "hex", "ids"} a line, our own lines
  tests/golden/data_ids.json         token count and FNV-1a 64 of the little-endian int32 ids, per file of DATA

The reference is the `tokenizers` library given the GGUF's vocabulary and merges, digits isolated one by one
and GPT-2's byte-level pattern (tokenizer.ggml.pre "smollm"); bytes that are not UTF-8 go through Python's
errors="replace" first. With llama-cpp-python installed its ids are compared and differences printed (0.3.36: none on these lines).

Run: python3 tests/golden/tokenizer_ids.py MODEL.gguf [DATA]   (needs gguf, tokenizers)
"""
import json
import pathlib
import sys

import gguf
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

HERE = pathlib.Path(__file__).parent


def reference(path):
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    out = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    out.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    out.decoder = decoders.ByteLevel()
    out.add_special_tokens([AddedToken(t, normalized=False, special=True)
                            for t, k in zip(tokens, kinds) if k == 3])
    return out, [t for t, k in zip(tokens, kinds) if k == 3]


def own_lines(specials):
    yield from (s.encode() for s in [
        " ", "  ", "   \t  ", "\n", "\n\n\n", "\r\n", " \n ", "\t\tindented\n\n  again  \n", "a", "I", " a", "a ",
        "Hello, world!", "hello   world", "it's we're they'll I'd he'd've DON'T Don't l'eau 'tis", "'s 't're",
        "ends with spaces    ", "    starts with spaces", "one\u00a0two\u2003three\u3000four\u205ffive\u202fsix",
        "\u0085next line\u2028line\u2029paragraph\u1680ogham\u180emongolian\ufeffbom\u200bzero",
        "3.14159", "1234567890", "1,000,000.50", "2024-06-07T12:34:56Z", "0x1F 0b101 1e-9 007", "ⅣⅫ ½¾ ²³ ₁₂ ①⑳",
        "٠١٢٣٤٥٦٧٨٩", "०१२३४५", "𝟘𝟙𝟚 𝓗𝓮𝓵𝓵𝓸", "一二三 十百千", "price: $5.99 (20% off) — €4,79 / £3 / ¥500",
        "你好，世界！", "今日はいい天気ですね。", "カタカナとひらがな", "안녕하세요 세계", "中文 mixed with English 和 123 数字",
        "Привет, мир! Ёлка и йод.", "Γειά σου Κόσμε, ΐΰ", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดีชาวโลก", "Xin chào thế giới",
        "Įąčęėįšųūž ÅÄÖ ß ẞ ﬁ ﬂ Ǆ ǅ", "café vs cafe\u0301", "n\u0303 ñ o\u0308\u0323 q\u0307\u0323", "Z\u0351\u036b\u0343\u036aa\u0334l\u0321g\u034fo",
        "a\u0300\u0301\u0302\u0303\u0304\u0305", "\u0301leading mark", "\u1100\u1161\u11a8 \uac01",
        "😀 😃😄", "👩‍👩‍👧‍👦 family", "👍🏽 👋🏿", "🇫🇷🇩🇪🇯🇵", "❤️ ☎︎ ✈️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "a😀b🎉c", "¯\\_(ツ)_/¯ ಠ_ಠ",
        "\x00", "\x00\x01\x02\x03\x04\x05\x06\x07\x08", "\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14", "\x1b[31mred\x1b[0m", "\x7f\u0080\u009f",
        "bell\x07 back\x08space", "\u200e\u200f\u202a\u202e\u2066\u2069", "\ufffd \ufffe \uffff \U0010ffff", "\ue000 private \U000f0000",
        "int main(void) { return 0; }", "for (size_t i = 0; i < n; ++i) {\n    sum += a[i] * b[i];\n}",
        "def f(x: int) -> str:\n    \"\"\"Doc.\"\"\"\n    return f'{x!r:>10}'\n", "SELECT * FROM t WHERE a <> 'b' -- c",
        "#include <vector>\n\ttemplate <typename T>\n\tusing V = std::vector<T>;", "<div class=\"a\">&nbsp;</div>",
        "{\"k\": [1, 2.5, null, true], \"s\": \"\\u00e9\"}", "if [ -f \"$F\" ]; then\n\techo ok >&2\nfi", "a->b::c(d)[e]{f};//g",
        "https://example.org/a/b?c=d&e=%20f#g", "me@example.org", "C:\\Users\\x\\y.txt", "~/.config/*.toml", "x_1 camelCase PascalCase SCREAMING_CASE kebab-case",
        "\\begin{equation} e^{i\\pi} + 1 = 0 \\end{equation}", "α + β ≤ γ ∀x∈ℝ ∑∏∫√∞ → ⇒ ⟨x|y⟩", "H₂O CO₂ m² 10⁻³ °C µm Å",
        "====----____****++++", "......!!!!????", "()[]{}<>\"'`~@#$%^&*|\\/", "«quotes» “curly” ‘single’ „low“ …", "a—b–c‐d-e‑f",
        "\n\nHuman: hi\n\nAssistant: hello\n\nHuman:", " (A)", " (B)", "\n\nCritiqueRequest: x\n\nCritique:",
        "supercalifragilisticexpialidocious antidisestablishmentarianism", "Donaudampfschifffahrtsgesellschaftskapitän",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "thethethethethethethethethethethethethethethethethethethethethethethethethe" * 3, "ab" * 100, "\t" * 70, " " * 200, "\n" * 130,
        "x" * 49, "x" * 48, "é" * 40, "好" * 60, "-" * 97 + ">"])
    for s in specials:
        yield from (s.encode(), f"a{s}b".encode(), f" {s} ".encode(), s[:-1].encode(), f"{s}{s}\n{s}".encode())
    yield from (s.encode() for s in [
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start |> <|IM_START|> < |im_start|> <|im_<|im_end|>start|>", "<|<|im_start|>|>", "<repo_name>x/y<file_sep>a.py\nprint(1)"])
    yield from [
        b"\xff", b"\xfe\xff", b"a\x80b", b"\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82 \xe2", b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80\xf0\x9f",
        b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80", b"ok \x99\x99 ok", b"caf\xe9 latin-1", b"\xe4\xbd\xa0\xe5\xa5", b"\xf1\x80\x80x", b"<|im_start\xff|>",
        b"\xef\xbb\xbfbom", bytes(range(256)), bytes(range(255, -1, -1))]
    people = ["the gardener", "my neighbour", "a tired nurse", "her brother", "the committee", "an old sailor"]
    acts = ["counts", "is painting", "doesn't trust", "had repaired", "won't sell", "keeps writing about"]
    things = ["17 blue lanterns", "the bridge at 6:45 a.m.", "a map of São Tomé", "two-thirds of the wheat", "\"Version 2.0\" (beta)"]
    for i, who in enumerate(people):
        for j, does in enumerate(acts):
            for k in range(3):
                what = things[(i + 2 * j + k) % len(things)]
                yield f"{who.capitalize()} {does} {what}{'.!?'[k]}{' ' * (i % 3)}{chr(10) * (j % 3)}".encode()


def fnv1a(ids):
    value = 0xCBF29CE484222325
    for byte in b"".join(i.to_bytes(4, "little") for i in ids):
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def compare_with_llama(path, rows):
    try:
        import llama_cpp
    except ImportError:
        print("llama-cpp-python is not installed: not compared")
        return
    model = llama_cpp.Llama(path, vocab_only=True, verbose=False)
    differ = 0
    for text, ids in rows:
        theirs = model.tokenize(text.encode(), add_bos=False, special=True)
        if theirs != ids:
            differ += 1
            print("llama.cpp differs:", ascii(text[:60]), ids[:12], theirs[:12])
    print(f"llama.cpp: {differ} of {len(rows)} lines differ")


def main():
    tokenizer, specials = reference(sys.argv[1])
    rows = []
    with open(HERE / "tokenizer_ids.jsonl", "w", encoding="ascii") as out:
        for line in own_lines(specials):
            text = line.decode("utf-8", errors="replace")
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            rows.append((text, ids))
            valid = text.encode() == line
            row = {"text": text} if valid else {"hex": line.hex()}
            row |= {"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)}
            out.write(json.dumps(row) + "\n")
    print(len(rows), "lines")
    compare_with_llama(sys.argv[1], rows)
    if len(sys.argv) > 2:
        data = pathlib.Path(sys.argv[2])
        hashes = {}
        for file in sorted(p for p in data.rglob("*") if p.is_file()):
            text = file.read_bytes().decode("utf-8", errors="replace")
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            hashes[str(file.relative_to(data))] = {"tokens": len(ids), "fnv1a": fnv1a(ids)}
        (HERE / "data_ids.json").write_text(json.dumps(hashes, indent=1) + "\n")
        print(len(hashes), "files")


main()
