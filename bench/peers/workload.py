"""The work that every peer does, in one place: sizes, lengths, token ids. charter_bench draws its own ids from
the same sizes; times do not depend on which ids they are.

| bench    | case      | work                                                                  | unit      |
|----------|-----------|-----------------------------------------------------------------------|-----------|
| rollout  | plain     | 32 prompts of 64 tokens, 64 new each, T=1, no stop token              | tokens/s  |
|          | long_tail | the same, 8 to 256 new tokens; only those asked for count             | tokens/s  |
| labels   | plain     | 900-token prefix + 155-token tail each, prefix computed every time    | labels/s  |
|          | reused    | the prefix's keys and values are there; tails only                    | labels/s  |
| pm_train | plain     | one step, 8 pairs of 128 + 128 tokens                                 | pairs/s   |
|          | mixed     | the same, lengths 32 to 256                                           | pairs/s   |
| sft      | full      | one step, 8 x 128 tokens, loss on the last 64                         | tokens/s  |
|          | lora      | the same, rank 16 on the seven linear layers                          | tokens/s  |
|          | full_mixed, lora_mixed | the same, lengths 32 to 256, loss on each's last half    | tokens/s  |
| ppo      | update    | one update, 8 x (64 + 64) tokens, policy and value share the trunk    | samples/s |

Tokens of sft are those of the batch without padding. A training step is forward, backward, clipping of the
gradient norm to 1 and AdamW.
"""
import random

UNITS = {"rollout": "tokens/s", "labels": "labels/s", "pm_train": "pairs/s", "sft": "tokens/s",
         "ppo": "samples/s"}
CASES = {"rollout": ["plain", "long_tail"], "labels": ["plain", "reused"], "pm_train": ["plain", "mixed"],
         "sft": ["full", "lora", "full_mixed", "lora_mixed"], "ppo": ["update"]}
# sizes: batch, then token counts. Overridden one by one on the command line (smaller for a smoke test).
SIZES = {
    "rollout": dict(batch=32, prompt=64, new=64),
    "labels": dict(batch=16, prefix=900, tail=155),
    "pm_train": dict(batch=8, length=128),
    "sft": dict(batch=8, length=128),
    "ppo": dict(batch=8, prompt=64, new=64),
}
FIRST_ORDINARY_ID = 100  # below are control tokens, one of them the padding
OPTION_IDS = [100, 101]  # what labels reads the log-probs of: any two


def token_ids(count, seed, vocab):
    draw = random.Random(seed)
    return [draw.randrange(FIRST_ORDINARY_ID, vocab) for _ in range(count)]


def evenly(low, high, count):
    """`count` lengths from low to high in equal steps."""
    return [round(low + (high - low) * i / max(count - 1, 1)) for i in range(count)]


def long_tail(count):
    """8 to 256 in equal ratios: half of the sequences are shorter than 45."""
    return [round(8 * 32 ** (i / max(count - 1, 1))) for i in range(count)]


def train_lengths(case, sizes, count):
    if not case.endswith("mixed"):
        return [sizes["length"]] * count
    lengths = evenly(32, 256, count)
    random.Random(1).shuffle(lengths)
    return lengths
