"""Training steps by transformers, peft, TRL's RewardTrainer and plain torch loops, as torch_peers.py's functions."""
import copy

import torch
import torch.nn.functional as F
import transformers

import workload
from torch_common import (BETAS, LEARNING_RATE, TrunkWithHeads, head_weight, ids, padded, load, numbers_of, optimizer_of, timed,
                          train_step)

KL_COEF, BEHAVIOR_LOGPROB = 0.001, -11.0  # of ppo


def sft(args):
    model = load(args).train()
    if args.case.startswith("lora"):
        import peft
        model = peft.get_peft_model(model, peft.LoraConfig(r=workload.LORA_RANK, lora_alpha=32, lora_dropout=0.0,
                                                           target_modules="all-linear", task_type="CAUSAL_LM"))
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = optimizer_of(parameters)
    vocab = model.config.vocab_size
    lengths = workload.train_lengths(args.case, args.sizes, args.sizes["batch"])
    half = max(lengths) // 2
    mixed = args.case.endswith("mixed")

    def run(seed):
        input_ids, mask = ids(lengths, seed, vocab)
        targets = input_ids.masked_fill(~mask, -100)
        for row, length in enumerate(lengths):
            targets[row, :length - length // 2] = -100
        # Equal lengths: logits of the loss's positions alone, which transformers offers.
        keep = 0 if mixed else half + 1

        def work():
            logits = model(input_ids, attention_mask=mask if mixed else None, use_cache=False,
                           logits_to_keep=keep).logits[:, :-1]
            chosen = targets[:, 1:][:, -logits.shape[1]:]
            return train_step(parameters, optimizer, F.cross_entropy(logits.flatten(0, 1), chosen.flatten()))

        return timed(work, sum(lengths))

    # peft draws its adapters' first matrices itself: the norm of the gradient depends on them.
    return run, numbers_of(run, ("loss",) if args.case.startswith("lora") else ("loss", "grad_norm"))


def pm_train_torch(args):
    model = TrunkWithHeads(load(args)).train()
    vocab = model.model.config.vocab_size
    parameters = list(model.parameters())
    optimizer = optimizer_of(parameters)
    pairs = args.sizes["batch"]
    lengths = workload.train_lengths(args.case, args.sizes, 2 * pairs)
    last = torch.tensor(lengths) - 1

    def run(seed):
        input_ids, mask = padded(workload.pair_sequences(args.case, lengths, seed, vocab))

        def work():
            hidden = model(input_ids, mask if args.case == "mixed" else None)[torch.arange(2 * pairs), last]
            chosen, rejected = model.value(hidden)[:, 0].chunk(2)
            return train_step(parameters, optimizer, -F.logsigmoid(chosen - rejected).mean())

        return timed(work, pairs)

    return run, numbers_of(run)


def pm_train_trl(args):
    """RewardTrainer's own training step on its own collator's batch. Its loop around the step (logging, saving,
    data loading) is left out of the time, which favours TRL."""
    import tempfile

    import datasets
    import trl

    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        args.model, num_labels=1, dtype=torch.float32)
    model.score.weight.data = head_weight(model.config.hidden_size)
    start = copy.deepcopy(model.state_dict())
    vocab, pairs = model.config.vocab_size, args.sizes["batch"]
    lengths = workload.train_lengths(args.case, args.sizes, 2 * pairs)

    def rows(seed):
        drawn = workload.pair_sequences(args.case, lengths, seed, vocab)
        return [{"chosen_ids": a, "rejected_ids": b} for a, b in zip(drawn[:pairs], drawn[pairs:])]

    config = trl.RewardConfig(
        output_dir=tempfile.mkdtemp(prefix="peer-trl-"), per_device_train_batch_size=pairs, max_steps=1,
        report_to=[], save_strategy="no", logging_strategy="no", use_cpu=True, bf16=False, max_grad_norm=1.0,
        gradient_checkpointing=False, learning_rate=LEARNING_RATE, adam_beta2=BETAS[1], optim="adamw_torch_fused", max_length=None,
        disable_tqdm=True, dataloader_pin_memory=False)
    trainer = trl.RewardTrainer(model, args=config, train_dataset=datasets.Dataset.from_list(rows(0)),
                                processing_class=transformers.AutoTokenizer.from_pretrained(args.model))
    trainer.train()  # one step: makes the optimizer and the wrapped model
    wrapped = trainer.model_wrapped
    model.load_state_dict(start)  # that step did not happen, nor did its end of the schedule
    trainer.optimizer.optimizer.state.clear()
    for group in trainer.optimizer.param_groups:
        group["lr"] = LEARNING_RATE

    def run(seed):
        batch = trainer.data_collator(rows(seed))

        def work():
            wrapped.train()
            loss = trainer.training_step(wrapped, batch)
            norm = trainer.accelerator.clip_grad_norm_(wrapped.parameters(), 1.0)
            trainer.optimizer.step()
            trainer.optimizer.zero_grad()
            return {"loss": loss.item(), "grad_norm": norm.item()}

        return timed(work, pairs)

    return run, numbers_of(run)


def pm_train(args):
    return pm_train_trl(args) if args.peer == "trl" else pm_train_torch(args)


def advantages_of(rewards, values, decay=0.95):
    """Generalized advantage estimation with gamma 1, [B, T]."""
    columns, following, after = [], torch.zeros(len(rewards)), torch.zeros(len(rewards))
    for t in reversed(range(rewards.shape[1])):
        following = rewards[:, t] + after - values[:, t] + decay * following
        after = values[:, t]
        columns.append(following)
    return torch.stack(columns[::-1], 1)


def ppo(args):
    """One batch as rl/ppo_trainer does it: what the weights give before the step, advantages, one clipped step."""
    model = TrunkWithHeads(load(args)).train()
    config = model.model.config
    parameters = list(model.parameters())
    optimizer = optimizer_of(parameters)
    batch, prompt, new = (args.sizes[key] for key in ("batch", "prompt", "new"))

    def run(seed):
        drawn, _ = ids([prompt + new] * batch, seed, config.vocab_size)
        scores = torch.tensor(workload.unit_floats(batch, seed))

        def forward():
            hidden = model(drawn[:, :-1])[:, prompt - 1:]
            logits = model.model.lm_head(hidden).flatten(0, 1)
            logprobs = -F.cross_entropy(logits, drawn[:, prompt:].flatten(), reduction="none").view(batch, new)
            return logprobs, model.value(hidden)[..., 0], logits

        @torch.no_grad()
        def targets():
            old, values, logits = forward()
            normalizer = logits.logsumexp(-1, keepdim=True)
            _ = normalizer[:, 0] - ((logits - normalizer).exp() * logits).sum(-1)  # the entropy ours reports
            rewards = -KL_COEF * (old - BEHAVIOR_LOGPROB)
            rewards[:, -1] += scores
            advantages = advantages_of(rewards, values)
            weights = (old - BEHAVIOR_LOGPROB).exp().clamp(max=2.0)
            white = (advantages - advantages.mean()) / (advantages.var() + 1e-8).sqrt()
            return old, values, white, advantages + values, weights

        def work():
            old, old_values, advantages, returns, weights = targets()
            logprobs, values, _ = forward()
            ratio = (logprobs - old).clamp(-20, 20).exp()
            policy_loss = (weights * torch.maximum(-advantages * ratio, -advantages * ratio.clamp(0.8, 1.2))).mean()
            clipped = old_values + (values - old_values).clamp(-0.2, 0.2)
            value_loss = 0.5 * torch.maximum((values - returns) ** 2, (clipped - returns) ** 2).mean()
            found = train_step(parameters, optimizer, policy_loss + 0.1 * value_loss)
            return found | {"policy_loss": policy_loss.item(), "value_loss": value_loss.item()}

        return timed(work, batch)

    return run, numbers_of(run, ("policy_loss", "value_loss", "grad_norm"))
