"""What the peers on torch share: quiet libraries, the model, the drawn ids as tensors, a training step."""
import logging
import time
import warnings

import torch
import transformers

import workload

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

LEARNING_RATE, BETAS = 1e-5, (0.9, 0.95)


def load(args):
    return transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)


def padded(sequences):
    """Right-padded ids [B, T] and mask [B, T]."""
    rows, lengths = [torch.tensor(row) for row in sequences], [len(row) for row in sequences]
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), mask


def ids(lengths, run, vocab):
    return padded(workload.sequences(lengths, run, vocab))


def timed(work, amount):
    begin = time.perf_counter()
    found = work()
    return amount, time.perf_counter() - begin, found or {}


def optimizer_of(parameters):
    # fused: the fastest AdamW of torch on a CPU.
    return torch.optim.AdamW(parameters, lr=LEARNING_RATE, betas=BETAS, weight_decay=0.0, fused=True)


def train_step(parameters, optimizer, loss):
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return {"loss": loss.item(), "grad_norm": norm.item()}


def numbers_of(run, names=("loss", "grad_norm")):
    """The check of a training step is the step itself."""
    def check():
        found = run(0)[2]
        return [found[name] for name in names]
    return check


def head_weight(width):
    return torch.tensor(workload.unit_floats(width, 7))[None] / width ** 0.5


class TrunkWithHeads(torch.nn.Module):
    """The transformer with its language head and one scalar head on the same hidden states."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.value = torch.nn.Linear(model.config.hidden_size, 1)
        self.value.weight.data = head_weight(model.config.hidden_size)
        self.value.bias.data.zero_()

    def forward(self, input_ids, attention_mask=None):
        return self.model.model(input_ids, attention_mask=attention_mask, use_cache=False).last_hidden_state
