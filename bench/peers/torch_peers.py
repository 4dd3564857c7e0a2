"""The peers that run on torch: transformers, TRL, peft, and plain torch loops.

Each function loads once and returns `run(seed) -> (amount of work, seconds)`: one measured repetition."""
import copy
import logging
import time
import warnings

import torch
import torch.nn.functional as F
import transformers

import workload

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

LEARNING_RATE = 1e-5


def load(args):
    return transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)


def ids(rows, columns, seed, vocab):
    return torch.tensor(workload.token_ids(rows * columns, seed, vocab)).view(rows, columns)


def timed(work, amount):
    begin = time.perf_counter()
    work()
    return amount, time.perf_counter() - begin


def optimizer_of(parameters):
    # fused: the fastest AdamW of torch on a CPU.
    return torch.optim.AdamW(parameters, lr=LEARNING_RATE, fused=True)


def train_step(parameters, optimizer, loss):
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def padded(lengths, seed, vocab):
    """Right-padded ids [B, T] and mask [B, T]."""
    width = max(lengths)
    mask = torch.arange(width)[None] < torch.tensor(lengths)[:, None]
    return ids(len(lengths), width, seed, vocab).masked_fill(~mask, 0), mask


def rollout(args):
    model = load(args).eval()
    model.generation_config.eos_token_id = None
    sizes = args.sizes
    wanted = workload.long_tail(sizes["batch"]) if args.case == "long_tail" else [sizes["new"]] * sizes["batch"]

    def run(seed):
        torch.manual_seed(seed)
        prompts = ids(sizes["batch"], sizes["prompt"], seed, model.config.vocab_size)

        def work():
            out = model.generate(prompts, attention_mask=torch.ones_like(prompts), do_sample=True, temperature=1.0,
                                 top_k=0, top_p=1.0, max_new_tokens=max(wanted), eos_token_id=None, pad_token_id=0)
            assert out.shape[1] == sizes["prompt"] + max(wanted), out.shape

        return timed(work, sum(wanted))

    return run


@torch.no_grad()
def prefix_cache(model, prefix):
    return model(prefix, use_cache=True, logits_to_keep=1).past_key_values


def labels(args):
    model = load(args).eval()
    sizes = args.sizes
    vocab = model.config.vocab_size
    prefix = ids(1, sizes["prefix"], 12345, vocab)
    cached = prefix_cache(model, prefix) if args.case == "reused" else None

    @torch.no_grad()
    def forward(tails):
        if cached is None:
            return model(torch.cat([prefix.expand(len(tails), -1), tails], 1), use_cache=False, logits_to_keep=1)
        cache = copy.deepcopy(cached)
        cache.batch_repeat_interleave(len(tails))
        return model(tails, past_key_values=cache, use_cache=True, logits_to_keep=1)

    def run(seed):
        tails = ids(sizes["batch"], sizes["tail"], seed, vocab)
        return timed(lambda: forward(tails).logits[:, -1].log_softmax(-1)[:, workload.OPTION_IDS], sizes["batch"])

    return run


def sft(args):
    model = load(args).train()
    if args.case.startswith("lora"):
        import peft
        model = peft.get_peft_model(model, peft.LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0,
                                                           target_modules="all-linear", task_type="CAUSAL_LM"))
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = optimizer_of(parameters)
    vocab = model.config.vocab_size
    lengths = workload.train_lengths(args.case, args.sizes, args.sizes["batch"])
    half = max(lengths) // 2
    mixed = args.case.endswith("mixed")

    def run(seed):
        input_ids, mask = padded(lengths, seed, vocab)
        targets = input_ids.masked_fill(~mask, -100)
        for row, length in enumerate(lengths):
            targets[row, :length - length // 2] = -100
        # Equal lengths: logits of the loss's positions alone, which transformers offers.
        keep = 0 if mixed else half + 1

        def work():
            logits = model(input_ids, attention_mask=mask if mixed else None, use_cache=False,
                           logits_to_keep=keep).logits[:, :-1]
            chosen = targets[:, 1:][:, -logits.shape[1]:]
            train_step(parameters, optimizer, F.cross_entropy(logits.flatten(0, 1), chosen.flatten()))

        return timed(work, sum(lengths))

    return run


class TrunkWithHeads(torch.nn.Module):
    """The transformer with its language head and one scalar head on the same hidden states."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.value = torch.nn.Linear(model.config.hidden_size, 1)

    def forward(self, input_ids, attention_mask=None):
        return self.model.model(input_ids, attention_mask=attention_mask, use_cache=False).last_hidden_state


def pm_train_torch(args):
    model = TrunkWithHeads(load(args)).train()
    vocab = model.model.config.vocab_size
    parameters = list(model.parameters())
    optimizer = optimizer_of(parameters)
    pairs = args.sizes["batch"]
    lengths = workload.train_lengths(args.case, args.sizes, 2 * pairs)
    last = torch.tensor(lengths) - 1

    def run(seed):
        input_ids, mask = padded(lengths, seed, vocab)

        def work():
            hidden = model(input_ids, mask if args.case == "mixed" else None)[torch.arange(2 * pairs), last]
            chosen, rejected = model.value(hidden)[:, 0].chunk(2)
            train_step(parameters, optimizer, -F.logsigmoid(chosen - rejected).mean())

        return timed(work, pairs)

    return run


def pm_train_trl(args):
    """RewardTrainer's own training step on its own collator's batch. Its loop around the step (logging, saving,
    data loading) is left out of the time, which favours TRL."""
    import tempfile

    import datasets
    import trl

    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        args.model, num_labels=1, dtype=torch.float32)
    vocab, pairs = model.config.vocab_size, args.sizes["batch"]
    lengths = workload.train_lengths(args.case, args.sizes, 2 * pairs)

    def rows(seed):
        return [{"chosen_ids": workload.token_ids(lengths[i], 2 * i + seed * 1000, vocab),
                 "rejected_ids": workload.token_ids(lengths[pairs + i], 2 * i + 1 + seed * 1000, vocab)}
                for i in range(pairs)]

    config = trl.RewardConfig(
        output_dir=tempfile.mkdtemp(prefix="peer-trl-"), per_device_train_batch_size=pairs, max_steps=1,
        report_to=[], save_strategy="no", logging_strategy="no", use_cpu=True, bf16=False, max_grad_norm=1.0,
        gradient_checkpointing=False, learning_rate=LEARNING_RATE, optim="adamw_torch_fused", max_length=None,
        disable_tqdm=True, dataloader_pin_memory=False)
    trainer = trl.RewardTrainer(model, args=config, train_dataset=datasets.Dataset.from_list(rows(0)),
                                processing_class=transformers.AutoTokenizer.from_pretrained(args.model))
    trainer.train()  # one step: makes the optimizer and the wrapped model
    wrapped = trainer.model_wrapped

    def run(seed):
        batch = trainer.data_collator(rows(seed))

        def work():
            wrapped.train()
            trainer.training_step(wrapped, batch)
            trainer.accelerator.clip_grad_norm_(wrapped.parameters(), 1.0)
            trainer.optimizer.step()
            trainer.optimizer.zero_grad()

        return timed(work, pairs)

    return run


def pm_train(args):
    return pm_train_trl(args) if args.peer == "trl" else pm_train_torch(args)


def ppo(args):
    model = TrunkWithHeads(load(args)).train()
    config = model.model.config
    parameters = list(model.parameters())
    optimizer = optimizer_of(parameters)
    batch, prompt, new = (args.sizes[key] for key in ("batch", "prompt", "new"))

    def run(seed):
        torch.manual_seed(seed)
        tokens = ids(batch, prompt + new, seed, config.vocab_size)
        old_logprobs, advantages = torch.full((batch, new), -8.0), torch.randn(batch, new)
        old_values, returns = torch.randn(batch, new), torch.randn(batch, new)

        def work():
            hidden = model(tokens)[:, prompt - 1:-1]
            logprobs = -F.cross_entropy(model.model.lm_head(hidden).flatten(0, 1), tokens[:, prompt:].flatten(),
                                        reduction="none").view(batch, new)
            ratio = (logprobs - old_logprobs).clamp(-20, 20).exp()
            policy_loss = torch.maximum(-advantages * ratio, -advantages * ratio.clamp(0.8, 1.2)).mean()
            values = model.value(hidden)[..., 0]
            clipped = old_values + (values - old_values).clamp(-0.2, 0.2)
            value_loss = 0.5 * torch.maximum((values - returns) ** 2, (clipped - returns) ** 2).mean()
            train_step(parameters, optimizer, policy_loss + 0.5 * value_loss)

        return timed(work, batch)

    return run
