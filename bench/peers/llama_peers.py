"""llama.cpp through its C API as llama-cpp-python exposes it: batched decoding and scoring.

Each function loads once and returns `run` and `check`, as torch_peers.py's do."""
import ctypes
import time
from pathlib import Path

import dequantize
import llama_cpp as lc
import numpy as np
import workload

FORMATS = {"f32": lc.LLAMA_FTYPE_ALL_F32, "f16": lc.LLAMA_FTYPE_MOSTLY_F16, "q8_0": lc.LLAMA_FTYPE_MOSTLY_Q8_0}
MAX_BATCH_TOKENS = 2048


@lc.llama_log_callback
def quiet(level, text, user_data):
    pass


lc.llama_log_set(quiet, ctypes.c_void_p(0))
lc.llama_backend_init()


def gguf_in_format(source, name):
    """The model in another number format, converted once by llama.cpp's own quantizer."""
    if name == "q4_1":
        return source
    out = dequantize.cache_dir() / "peers-gguf" / f"{source.stem}.{name}.gguf"
    if out.exists() and out.stat().st_mtime >= source.stat().st_mtime:
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial")
    params = lc.llama_model_quantize_default_params()
    params.ftype, params.nthread, params.allow_requantize = FORMATS[name], 2, True
    if lc.llama_model_quantize(str(source).encode(), str(partial).encode(), ctypes.byref(params)) != 0:
        raise SystemExit(f"llama.cpp could not convert {source} to {name}")
    partial.rename(out)
    return out


class Session:
    """One model and one context of `sequences` sequences of at most `length` tokens.

    unified: one KV buffer for all (a prefix can be shared by copying cells' sequence ids); otherwise one a
    sequence. exact: keys and values in f32 and no flash attention. Otherwise llama.cpp's defaults, whose attention
    is in f16 in every format: F32 logits then differ from fp32's by up to 7e-3 (agree.py prints both)."""

    def __init__(self, gguf, threads, sequences, length, unified, exact=False):
        self.model = lc.llama_model_load_from_file(str(gguf).encode(), lc.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"llama.cpp could not load {gguf}")
        params = lc.llama_context_default_params()
        params.n_seq_max, params.n_ctx, params.kv_unified = sequences, length, unified
        params.n_batch, params.n_ubatch = MAX_BATCH_TOKENS, 512
        params.n_threads = params.n_threads_batch = threads
        if exact:
            params.type_k = params.type_v = lc.GGML_TYPE_F32
            params.flash_attn_type = lc.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.ctx = lc.llama_init_from_model(self.model, params)
        if not self.ctx:
            raise SystemExit(f"llama.cpp could not make a context of {length} tokens")
        self.vocab = lc.llama_vocab_n_tokens(lc.llama_model_get_vocab(self.model))
        self.memory = lc.llama_get_memory(self.ctx)
        self.batch = lc.llama_batch_init(MAX_BATCH_TOKENS, 0, 1)

    def clear(self):
        lc.llama_memory_clear(self.memory, False)

    def decode(self, rows):
        """rows: (token, position, sequence, wants logits). Calls of at most MAX_BATCH_TOKENS."""
        batch = self.batch
        batch.n_tokens = len(rows)
        for i, (token, position, sequence, wanted) in enumerate(rows):
            batch.token[i], batch.pos[i], batch.logits[i] = token, position, wanted
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
        code = lc.llama_decode(self.ctx, batch)
        if code != 0:
            raise SystemExit(f"llama.cpp: llama_decode returned {code}")

    def logits(self, row):
        """[vocab] of a row of the last decode that wanted them; valid until the next decode."""
        return np.ctypeslib.as_array(lc.llama_get_logits_ith(self.ctx, row), (self.vocab,))


def chunks(rows):
    return [rows[i:i + MAX_BATCH_TOKENS] for i in range(0, len(rows), MAX_BATCH_TOKENS)]


def make_samplers(count, seed):
    samplers = []
    for i in range(count):
        chain = lc.llama_sampler_chain_init(lc.llama_sampler_chain_default_params())
        lc.llama_sampler_chain_add(chain, lc.llama_sampler_init_temp(1.0))
        lc.llama_sampler_chain_add(chain, lc.llama_sampler_init_dist(seed * 1000 + i))
        samplers.append(chain)
    return samplers


def prefill(session, prompts, pick):
    """Each prompt's first new token, by pick(sequence, row of the last decode)."""
    rows, last_row, tokens = [], [], []
    for sequence, prompt in enumerate(prompts):
        rows += [(t, p, sequence, p == len(prompt) - 1) for p, t in enumerate(prompt)]
        last_row.append(len(rows) - 1)
    for start, chunk in enumerate(chunks(rows)):
        session.decode(chunk)
        for sequence, row in enumerate(last_row):
            local = row - start * MAX_BATCH_TOKENS
            if 0 <= local < len(chunk):
                tokens.append([pick(sequence, local)])
    return tokens


def decode(session, prompts, tokens, wanted, pick):
    """One token a sequence and step; a sequence leaves the batch when it has what it wants."""
    while live := [s for s in range(len(tokens)) if len(tokens[s]) < wanted[s]]:
        session.decode([(tokens[s][-1], len(prompts[s]) + len(tokens[s]) - 1, s, True) for s in live])
        for row, s in enumerate(live):
            tokens[s].append(pick(s, row))


def log_softmax(logits):
    return logits - np.logaddexp.reduce(logits)


def source_of(args):
    return Path(args.gguf) if args.gguf else dequantize.default_gguf()


def rollout(args):
    sizes = args.sizes
    batch = sizes["batch"]
    wanted = workload.new_tokens(args.case, sizes)
    length = sizes["prompt"] + max(*wanted, workload.CHECK_TOKENS)
    session = Session(gguf_in_format(source_of(args), args.format), args.threads, batch, batch * length, False)

    def prompts_of(run, count):
        return workload.sequences([sizes["prompt"]] * count, run, session.vocab)

    def run(seed):
        session.clear()
        prompts, samplers = prompts_of(seed, batch), make_samplers(batch, seed)

        def pick(sequence, row):
            return lc.llama_sampler_sample(samplers[sequence], session.ctx, row)

        begin = time.perf_counter()
        tokens = prefill(session, prompts, pick)
        first = time.perf_counter()
        decode(session, prompts, tokens, wanted, pick)
        end = time.perf_counter()
        for sampler in samplers:
            lc.llama_sampler_free(sampler)
        made = sum(len(t) for t in tokens)
        parts = {"prefill": batch * sizes["prompt"] / (first - begin)}
        if made > batch:
            parts["decode"] = (made - batch) / (end - first)
        return made, end - begin, parts

    def check():
        session.clear()
        prompts = prompts_of(0, min(batch, workload.CHECK_PROMPTS))
        found = [[] for _ in prompts]

        def pick(sequence, row):
            logprobs = log_softmax(session.logits(row).astype(np.float64))
            found[sequence].append(float(logprobs.max()))
            return int(logprobs.argmax())

        tokens = prefill(session, prompts, pick)
        decode(session, prompts, tokens, [workload.CHECK_TOKENS] * len(prompts), pick)
        return [logprob for row in found for logprob in row]

    return run, check


def labels(args):
    """Case reused: the prefix is decoded once into sequence 0, whose cells the others share."""
    if args.case != "reused":
        raise SystemExit("llama.cpp: labels has the case reused only")
    sizes = args.sizes
    batch, prefix_length, tail = sizes["batch"], sizes["prefix"], sizes["tail"]
    length = prefix_length + batch * tail
    session = Session(gguf_in_format(source_of(args), args.format), args.threads, batch + 1, length, True)
    prefix = workload.token_ids(prefix_length, workload.PREFIX_SEED, session.vocab)
    for chunk in chunks([(t, p, 0, False) for p, t in enumerate(prefix)]):
        session.decode(chunk)

    def score(tails):
        for s in range(1, batch + 1):
            lc.llama_memory_seq_rm(session.memory, s, -1, -1)
            lc.llama_memory_seq_cp(session.memory, 0, s, -1, -1)
        found = []
        per_call = MAX_BATCH_TOKENS // tail
        for first in range(0, batch, per_call):
            part = range(first, min(first + per_call, batch))
            session.decode([(t, prefix_length + p, s + 1, p == tail - 1) for s in part
                            for p, t in enumerate(tails[s])])
            for i in range(len(part)):
                found += log_softmax(session.logits((i + 1) * tail - 1))[workload.OPTION_IDS].tolist()
        return found

    def run(seed):
        tails = workload.sequences([tail] * batch, seed, session.vocab)
        begin = time.perf_counter()
        found = score(tails)
        return batch, time.perf_counter() - begin, {"numbers": found}

    return run, lambda: run(0)[2]["numbers"]
