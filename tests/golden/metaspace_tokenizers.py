"""Trains small SentencePiece-style BPE vocabularies on lines of our own and writes what the references make of texts:

  tests/golden/metaspace/tokenizers.json  vocabularies in the form of tokenizer.json, cases that change some of its
                                          members, and for each case the ids of `tokenizers`
  tests/golden/metaspace/trained.gguf     a vocabulary trained by SentencePiece, with scores
  tests/golden/metaspace/ties.gguf        a handful of tokens of equal scores
  tests/golden/metaspace/gguf_ids.json    the ids of llama.cpp for both; SentencePiece's are compared on the way

`lines` are those of tokenizer_ids.jsonl, in order: the last eight digits of the FNV-1a 64 of the ids as little-endian int32 and
of the decoded text after them. `texts` are written out: [ids, decoded, decoded without special tokens].

Run: python3 tests/golden/metaspace_tokenizers.py   (needs tokenizers, gguf, sentencepiece, llama-cpp-python)
"""
import io
import json
import pathlib

import gguf
import llama_cpp
import sentencepiece
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
OUT = HERE / "metaspace"
SPECIALS = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{b:02X}>" for b in range(256)]
PREPEND = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                                               {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
DECODERS = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
DECODER = {"type": "Sequence", "decoders": DECODERS}
TEXTS = ["", " ", "  ", "a", " a", "  a", "a ", "<s>", "<s>a", "<s> a", "<s>  a", "a<s>b", "a <s> b", " <s> ", "<s><s>", "<s></s>",
         "é<s>é", "<unk>", "a<unk>b", "</s", "<s", "[INST] Hi [/INST]", "<s>[INST] Hi [/INST]Yo</s>", "<s>[INST]Hi[/INST] Yo</s>",
         "a▁b", "▁a", "▁▁a", "<0x41>", "<0xC3>", "1234 5,6", "x<|tool|>y", "x <|tool|> y", "<|tool|>", "💡a", "日本 語", "日本<s>語",
         "a\n\n  b\n", "\n", "\té", "aaa aaaa aaaaa", " the  the   the"]

TIES = ["aaaaa", "abaab aba", "aabaaabab", "baaab" * 20, "a" * 61, "abba" * 9]


def own_text():
    people = ["the gardener", "my neighbour", "a tired nurse", "her brother", "the committee", "an old sailor", "nobody here"]
    acts = ["counts", "is painting", "does not trust", "had repaired", "will not sell", "keeps writing about", "remembers"]
    things = ["17 blue lanterns", "the bridge at 6:45", "a map of São Tomé", "two-thirds of the wheat", "the 2.0 version (beta)"]
    for i, who in enumerate(people):
        for j, does in enumerate(acts):
            what = things[(i + 2 * j) % len(things)]
            yield f"{who.capitalize()} {does} {what}{'.!?'[j % 3]}"
            yield f"def {does.split()[0]}(x):\n    return x[{i}]\n        # {who}, {what}"
    yield from ["Привет, мир и мир", "今日は日本", "日本日本", "Hello, world! Hello there, Hello", "aaaa aaa aa a aaaaaaaa", "éàé éà"] * 3


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def lines():
    for row in (HERE / "tokenizer_ids.jsonl").read_text(encoding="ascii").splitlines():
        row = json.loads(row)
        yield row["text"] if "text" in row else bytes.fromhex(row["hex"]).decode("utf-8", errors="replace")


def answers(encode, decode, texts=TEXTS):
    def digest(ids):
        return fnv1a(b"".join(i.to_bytes(4, "little") for i in ids) + decode(ids, False).encode())[-8:]
    return {"lines": " ".join(digest(encode(text)) for text in lines()),
            "texts": [[ids, decode(ids, False), decode(ids, True)] for ids in map(encode, texts)]}


def added(token, i, normalized=False, special=True):
    return {"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": normalized,
            "special": special}


def root(vocab, merges, **model):
    specials = [added(t, vocab.index(t)) for t in SPECIALS + ["<|tool|>"] if t in vocab]
    specials[-1]["special"] = specials[-1]["content"] != "<|tool|>"
    template = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": specials, "normalizer": PREPEND,
            "pre_tokenizer": None,
            "post_processor": {"type": "TemplateProcessing", "single": template,
                               "pair": template + [{"Sequence": {"id": "B", "type_id": 1}}],
                               "special_tokens": {"<s>": {"id": "<s>", "ids": [vocab.index("<s>")], "tokens": ["<s>"]}}},
            "decoder": DECODER,
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                      "vocab": {t: i for i, t in enumerate(vocab)}, "merges": merges} | model}


def trained(words):
    """Merges within words, or over whole lines: then pieces like "s▁the" come to be."""
    out = Tokenizer(models.BPE())
    if words:
        out.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    else:
        out.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    out.train_from_iterator(own_text(), trainers.BpeTrainer(vocab_size=560, special_tokens=SPECIALS + BYTES, show_progress=False,
                                                            limit_alphabet=64))
    model = json.loads(out.to_str())["model"]
    vocab = sorted(model["vocab"], key=model["vocab"].get)
    return root(vocab + ["<|tool|>"], [m if isinstance(m, str) else " ".join(m) for m in model["merges"]])


def changed(document, change):
    document = json.loads(json.dumps(document))
    for pointer, value in change.items():
        at = document
        *path, last = pointer.strip("/").split("/")
        for key in path:
            at = at[key]
        at[last] = value
    return Tokenizer.from_str(json.dumps(document))


def tokenizers_json():
    partial = SPECIALS + ["<0xC3>", "<0xA9>", "<0x0A>", "▁", "a", "b", "e", "h", "t", "▁a", "▁t", "he", "▁the", "▁▁", "日"]
    vocabularies = {"lines": trained(words=False), "words": trained(words=True),
                    "partial": root(partial, ["▁ a", "▁ t", "h e", "▁t he", "▁ ▁"])}
    def metaspace(scheme):
        return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False}
    def normal(name):
        return [dict(t, normalized=True) for t in vocabularies[name]["added_tokens"]]
    unk = {"/model/byte_fallback": False}
    changes = [("lines", {}), ("lines", {"/added_tokens": normal("lines")}), ("lines", unk), ("lines", {"/model/ignore_merges": True}),
               ("lines", {"/normalizer": REPLACE, "/decoder": {"type": "Sequence", "decoders": DECODERS[:3]}}),
               ("words", {}), ("words", unk | {"/model/fuse_unk": False}), ("partial", {}), ("partial", {"/model/fuse_unk": False})]
    for name, scheme in [("lines", "first"), ("words", "first"), ("words", "always"), ("words", "never")]:
        changes.append((name, {"/normalizer": None, "/pre_tokenizer": metaspace(scheme)}))
    changes.append(("words", {"/normalizer": None, "/pre_tokenizer": metaspace("first"), "/added_tokens": normal("words")}))
    cases = []
    for name, change in changes:
        tokenizer = changed(vocabularies[name], change)
        # Version 0.23 decodes a normalized added token as what it matches, "▁<s>", and does not skip it; the ones before, as its
        # text, as it is decoded where it is not normalized.
        decoder = changed(vocabularies[name], {k: v for k, v in change.items() if k != "/added_tokens"})
        cases.append({"vocabulary": name, "change": change} | answers(
            lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
            lambda ids, skip: decoder.decode(ids, skip_special_tokens=skip)))
    write("tokenizers.json", {"texts": TEXTS, "vocabularies": vocabularies, "cases": cases})


def write(name, value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    (OUT / name).write_text(text.replace('{"vocabulary"', '\n{"vocabulary"').replace('],[[', '],\n[[') + "\n", encoding="ascii")


def write_gguf(name, tokens, scores, kinds, add_space_prefix=True):
    writer = gguf.GGUFWriter(str(OUT / name), "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(8)
    writer.add_block_count(1)
    writer.add_feed_forward_length(8)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(tokens.index("<s>"))
    writer.add_eos_token_id(tokens.index("</s>"))
    writer.add_unk_token_id(tokens.index("<unk>"))
    writer.add_add_space_prefix(add_space_prefix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_answers(name, strip=True):
    model = llama_cpp.Llama(str(OUT / name), vocab_only=True, verbose=False)
    def encode(text):
        return model.tokenize(text.encode(), add_bos=False, special=True)
    def decode(ids, skip):
        text = llama_decode(model, ids, skip)
        return text[1:] if strip and text.startswith(" ") else text
    return encode, decode


def llama_decode(model, ids, skip):
    """As llama_detokenize, but unknown tokens are written out and, as special ones, left out."""
    vocab = llama_cpp.llama_model_get_vocab(model._model.model)
    out = b""
    for i in ids:
        kind = llama_cpp.llama_vocab_get_attr(vocab, i)
        if skip and kind & (llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN):
            continue
        text = llama_cpp.llama_vocab_get_text(vocab, i)
        out += bytes([int(text[3:5], 16)]) if kind & llama_cpp.LLAMA_TOKEN_ATTR_BYTE else text.replace("▁".encode(), b" ")
    return out.decode("utf-8", errors="replace")


def gguf_files():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in own_text() for line in text.split("\n")), model_writer=model, model_type="bpe",
        vocab_size=560, byte_fallback=True, split_digits=True, normalization_rule_name="identity", character_coverage=0.99,
        remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, user_defined_symbols=["<|tool|>"],
        minloglevel=2)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    ids = range(pieces.vocab_size())
    kinds = [2 if pieces.is_unknown(i) else 3 if pieces.is_control(i) else 6 if pieces.is_byte(i) else
             4 if pieces.id_to_piece(i) == "<|tool|>" else 1 for i in ids]
    tokens = [pieces.id_to_piece(i) for i in ids]
    write_gguf("trained.gguf", tokens, [pieces.get_score(i) for i in ids], kinds)
    encode, decode = llama_answers("trained.gguf")
    differ = [t for t in lines() if pieces.encode(t) != encode(t) and not any(s in t for s in tokens[:3])]
    print(f"SentencePiece: {len(differ)} of {len(list(lines()))} lines differ from llama.cpp", [ascii(t[:60]) for t in differ[:4]])
    result = {"texts": TEXTS + TIES, "trained.gguf": answers(encode, decode, TEXTS + TIES)}
    # Equal scores: the leftmost pair first, whatever its halves. No space before the text.
    tokens = SPECIALS + BYTES + ["▁", "a", "b", "aa", "aaa", "ab", "ba", "▁a"]
    write_gguf("ties.gguf", tokens, [0.0] * 259 + [-1000.0] * 3 + [-1.0, -1.0, -2.0, -2.0, -3.0], [2, 3, 3] + [6] * 256 + [1] * 8,
               add_space_prefix=False)
    result["ties.gguf"] = answers(*llama_answers("ties.gguf", strip=False), TEXTS + TIES)
    write("gguf_ids.json", result)


def main():
    OUT.mkdir(exist_ok=True)
    tokenizers_json()
    gguf_files()


main()
