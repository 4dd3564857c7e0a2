"""The peers that run on torch: transformers here, TRL, peft and plain torch loops in torch_training.py.

Each function loads once and returns `run(K) -> (amount of work, seconds, further figures)`, one measured repetition on
run K's token ids, and `check() -> [numbers]`, what ours must find too on run 0's (bench/serve.hpp)."""
import copy
import time

import torch
import transformers

import workload
from torch_common import ids, load, timed
from torch_training import pm_train, ppo, sft  # noqa: F401: peer.py finds every bench here


class FirstTokenTime(transformers.StoppingCriteria):
    """Stops nothing; notes when the prompt has been computed."""

    def __init__(self):
        self.at = None

    def __call__(self, input_ids, scores, **kwargs):
        self.at = self.at or time.perf_counter()
        return torch.zeros(len(input_ids), dtype=torch.bool)


def rollout(args):
    model = load(args).eval()
    model.generation_config.eos_token_id = None
    sizes, vocab = args.sizes, model.config.vocab_size
    batch, prompt = sizes["batch"], sizes["prompt"]
    wanted = workload.new_tokens(args.case, sizes)

    def generate(prompts, new, **options):
        return model.generate(prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=new,
                              eos_token_id=None, pad_token_id=0, **options)

    def run(seed):
        torch.manual_seed(seed)
        prompts, _ = ids([prompt] * batch, seed, vocab)
        first = FirstTokenTime()
        begin = time.perf_counter()
        out = generate(prompts, max(wanted), do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
                       stopping_criteria=[first])
        end = time.perf_counter()
        assert out.shape[1] == prompt + max(wanted), out.shape
        parts = {"prefill": batch * prompt / (first.at - begin)}
        if max(wanted) > 1:
            parts["decode"] = (sum(wanted) - batch) / (end - first.at)
        return sum(wanted), end - begin, parts

    def check():
        prompts, _ = ids([prompt] * min(batch, workload.CHECK_PROMPTS), 0, vocab)
        out = generate(prompts, workload.CHECK_TOKENS, do_sample=False, output_logits=True,
                       return_dict_in_generate=True)
        best = [step.log_softmax(-1).max(-1).values for step in out.logits]
        return torch.stack(best, 1).flatten().tolist()

    return run, check


@torch.no_grad()
def prefix_cache(model, prefix):
    return model(prefix, use_cache=True, logits_to_keep=1).past_key_values


def labels(args):
    model = load(args).eval()
    sizes = args.sizes
    vocab = model.config.vocab_size
    prefix = torch.tensor([workload.token_ids(sizes["prefix"], workload.PREFIX_SEED, vocab)])
    cached = prefix_cache(model, prefix) if args.case == "reused" else None

    @torch.no_grad()
    def forward(tails):
        if cached is None:
            return model(torch.cat([prefix.expand(len(tails), -1), tails], 1), use_cache=False, logits_to_keep=1)
        cache = copy.deepcopy(cached)
        cache.batch_repeat_interleave(len(tails))
        return model(tails, past_key_values=cache, use_cache=True, logits_to_keep=1)

    def run(seed):
        tails, _ = ids([sizes["tail"]] * sizes["batch"], seed, vocab)

        def work():
            return {"numbers": forward(tails).logits[:, -1].log_softmax(-1)[:, workload.OPTION_IDS]}

        return timed(work, sizes["batch"])

    return run, lambda: run(0)[2]["numbers"].flatten().tolist()
