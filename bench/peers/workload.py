"""The work that both sides do, in one place: cases, sizes, lengths, token ids. The programs in bench/ draw the same
ids (bench/workload.cpp), so that losses and log-probabilities can be compared before times are.

| bench    | case      | work                                                                  | unit      |
|----------|-----------|-----------------------------------------------------------------------|-----------|
| rollout  | plain     | 32 prompts of 64 tokens, 64 new each, T=1, no stop token              | tokens/s  |
|          | long_tail | the same, 8 to 256 new tokens; only those asked for count             | tokens/s  |
|          | batch8, batch1 | 8 prompts, 1 prompt                                              | tokens/s  |
|          | int8, int8_batch1 | ours with 8-bit linear layers                                 | tokens/s  |
|          | shared    | 32 samples of 8 prompts; its peer is ours with 32 prompts             | tokens/s  |
| labels   | plain     | 900-token prefix + 155-token tail each, prefix part of the work       | labels/s  |
|          | reused    | the prefix's keys and values are there; tails only                    | labels/s  |
| pm_train | plain     | one step, 8 pairs of 128 + 128 tokens                                 | pairs/s   |
|          | mixed     | the same, lengths 32 to 256                                           | pairs/s   |
|          | shared    | as plain, both of a pair begin with the same 64 tokens (their prompt) | pairs/s   |
| sft      | full      | one step, 8 x 128 tokens, loss on the last 64                         | tokens/s  |
|          | lora      | the same, rank 16 on the seven linear layers                          | tokens/s  |
|          | full_mixed, lora_mixed | the same, lengths 32 to 256, loss on each's last half    | tokens/s  |
| ppo      | update    | 8 x (64 + 64) tokens: log-probs, values and entropies before the step, | samples/s |
|          |           | advantages, one clipped step; policy and value share the trunk        |           |
| startup  | gguf      | process start to the first token of a 16-token prompt, files in cache | s         |
|          | directory | the same from a Hugging Face directory                                | s         |

Tokens of sft are those of the batch without padding. A training step is forward, backward, clipping of the
gradient norm to 1 and AdamW (1e-5, 0.9, 0.95, no decay), all in float32.
"""

UNITS = {"rollout": "tokens/s", "labels": "labels/s", "pm_train": "pairs/s", "sft": "tokens/s",
         "ppo": "samples/s", "startup": "s"}
# Case -> peers. `charter:CASE` is our own program on another case of the same bench.
PEERS = {
    "rollout": {"plain": ["transformers", "llama.cpp:f32"], "long_tail": ["transformers", "llama.cpp:f32"],
                "batch8": ["transformers", "llama.cpp:f32"],
                "batch1": ["transformers", "llama.cpp:f32", "llama.cpp:q8_0"],
                "int8": ["charter:plain", "llama.cpp:q8_0"], "int8_batch1": ["llama.cpp:q8_0"],
                "shared": ["charter:plain"]},
    "labels": {"plain": ["transformers"], "reused": ["transformers", "llama.cpp:f32", "llama.cpp:q8_0"]},
    "pm_train": {"plain": ["trl", "torch"], "mixed": ["trl", "torch"], "shared": ["trl"]},
    "sft": {"full": ["transformers"], "lora": ["peft"], "full_mixed": ["transformers"], "lora_mixed": ["peft"]},
    "ppo": {"update": ["torch"]},
    "startup": {"gguf": ["llama.cpp:q4_1"], "directory": ["transformers"]},
}
# sizes: batch, then token counts. Overridden one by one on the command line (smaller for a smoke test).
SIZES = {
    "rollout": dict(batch=32, prompt=64, new=64),
    "labels": dict(batch=16, prefix=900, tail=155),
    "pm_train": dict(batch=8, length=128),
    "sft": dict(batch=8, length=128),
    "ppo": dict(batch=8, prompt=64, new=64),
    "startup": {},
}
CASE_SIZES = {"batch8": dict(batch=8), "batch1": dict(batch=1), "int8_batch1": dict(batch=1)}
FIRST_ORDINARY_ID = 100  # below are control tokens, one of them the padding
OPTION_IDS = [100, 101]  # what labels reads the log-probs of: any two
PREFIX_SEED = 12345
CHECK_PROMPTS, CHECK_TOKENS = 4, 4  # of rollout: greedy
LORA_RANK = 16
MASK = (1 << 64) - 1


class Draw:
    """A linear congruential generator (Knuth, MMIX), as in bench/workload.cpp."""

    def __init__(self, seed):
        self.state = (seed + 1) * 0x9E3779B97F4A7C15 & MASK

    def below(self, n):
        self.state = self.state * 6364136223846793005 + 1442695040888963407 & MASK
        return (self.state >> 33) % n


def token_ids(count, seed, vocab):
    draw = Draw(seed)
    return [FIRST_ORDINARY_ID + draw.below(vocab - FIRST_ORDINARY_ID) for _ in range(count)]


def sequences(lengths, run, vocab):
    return [token_ids(length, run * 1000 + i, vocab) for i, length in enumerate(lengths)]


def pair_sequences(case, lengths, run, vocab):
    """The first of each pair, then the seconds."""
    drawn = sequences(lengths, run, vocab)
    if case == "shared":
        for first, second in zip(drawn[:len(drawn) // 2], drawn[len(drawn) // 2:]):
            second[:len(second) // 2] = first[:len(second) // 2]
    return drawn


def unit_floats(count, seed):
    draw = Draw(seed)
    return [draw.below(1 << 20) / (1 << 19) - 1 for _ in range(count)]


def long_tail(count):
    """8 to 256 in equal ratios: half of the sequences are shorter than 45."""
    return [round(8 * 32 ** (i / max(count - 1, 1))) for i in range(count)]


def new_tokens(case, sizes):
    return long_tail(sizes["batch"]) if case == "long_tail" else [sizes["new"]] * sizes["batch"]


def train_lengths(case, sizes, count):
    if not case.endswith("mixed"):
        return [sizes["length"]] * count
    lengths = [round(32 + 224 * i / max(count - 1, 1)) for i in range(count)]
    draw = Draw(1)
    for i in range(count, 1, -1):
        j = draw.below(i)
        lengths[i - 1], lengths[j] = lengths[j], lengths[i - 1]
    return lengths


def sizes_of(bench, case, given):
    return SIZES[bench] | CASE_SIZES.get(case, {}) | given


class ModelFlops:
    """Floating-point operations of the transformer, two a multiply-add, causal attention counted. What a program
    computes beyond them (padding, logits nobody reads, recomputation) does not count. sizes: a config.json's."""

    def __init__(self, sizes):
        get = sizes.__getitem__
        width, inner, depth = get("hidden_size"), get("intermediate_size"), get("num_hidden_layers")
        query = get("num_attention_heads") * get("head_dim")
        key = get("num_key_value_heads") * get("head_dim")
        self.layer_weights = depth * (2 * width * query + 2 * width * key + 3 * width * inner)
        self.head_weights = width * get("vocab_size")
        self.position = 4 * depth * query  # attention of one token to one position
        self.adapter_weights = depth * LORA_RANK * (
            2 * (width + query) + 2 * (width + key) + 3 * (width + inner))
        self.key_value_floats = 2 * depth * key

    def attention(self, first, count):
        """Tokens first .. first + count - 1 of a sequence, each to all up to itself."""
        return self.position * (count * first + count * (count + 1) // 2)

    def forward(self, first, count, logits):
        return 2 * self.layer_weights * count + self.attention(first, count) + 2 * self.head_weights * logits

    def decode(self, prompt, new):
        """The steps after the one that computed the prompt."""
        return self.forward(prompt, new - 1, new - 1)

    def read_bytes(self, prompt, new):
        """What one float32 decoding step of one sequence must read, on average."""
        return 4 * (self.layer_weights + self.head_weights + self.key_value_floats * (prompt + new / 2))

    def work(self, bench, case, sizes):
        if bench == "rollout":
            wanted = new_tokens(case, sizes)
            prompts = len(wanted) // 4 if case == "shared" else len(wanted)
            return (prompts * self.forward(0, sizes["prompt"], 1) + sum(self.decode(sizes["prompt"], n) for n in wanted))
        if bench == "labels":
            once = self.forward(0, sizes["prefix"], 0) if case == "plain" else 0
            return once + sizes["batch"] * self.forward(sizes["prefix"], sizes["tail"], 1)
        if bench == "pm_train":
            return 3 * sum(self.forward(0, n, 0) for n in train_lengths(case, sizes, 2 * sizes["batch"]))
        if bench == "sft":
            lengths = train_lengths(case, sizes, sizes["batch"])
            forward = sum(self.forward(0, n - 1, n // 2) for n in lengths)
            if not case.startswith("lora"):
                return 3 * forward
            # Gradients of activations, and of the adapters' weights alone; attention has no weights.
            attention = sum(self.attention(0, n - 1) for n in lengths)
            return 2 * forward + attention + 6 * self.adapter_weights * sum(n - 1 for n in lengths)
        if bench == "ppo":
            # A forward pass before the step, then the step.
            return 4 * sizes["batch"] * self.forward(0, sizes["prompt"] + sizes["new"] - 1, sizes["new"])
        return 0
