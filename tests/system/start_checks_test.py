#!/usr/bin/env python3
"""What is wrong with a run is said before its first stage, by `charter run` and by `charter config check` in the same
words; what was given up on the way is said at the end of its phase.

CHARTER_BINARY, MAKE_TINY_MODEL and CHARTER_MODEL as in bad_input_test.py. Exit code: 0 it held, 1 the list of what did
not, 77 the vocabulary is absent.
"""
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

from bad_input_test import BINARY, GOOD_LINES, MAKE_MODEL, VOCABULARY, Case, failures, toml, write



def prompts(texts, split):
    return "".join(json.dumps({"id": f"p{i}", "prompt": text, "split": split}) + "\n" for i, text in enumerate(texts))


ONE_ROW = prompts(["How do I mend a bicycle tyre of size 1?"], "train")
THREE_SAME = prompts(["What is rain?", "What is rain? ", "what is RAIN"], "held_out")
ONE_ANSWER = "".join(json.dumps({"id": f"q{i}", "question": f"How do I mend a tyre of size {i}?",
                                 "answers": [{"text": "Patch it.", "votes": 1}]}) + "\n" for i in range(3))


def hold(case, what, held, done):
    if held:
        print(f"{case.name}: {what}")
    else:
        case.fail(what, done)


def refused_by_both(case, pattern):
    """The same line from `run` and from `config check`; nothing is left behind."""
    case.refused(pattern).leaves()
    run = case.start()
    check = case.start("config", "check", case.folder / "bad.toml")
    hold(case, "config check says the same line as run", check.returncode == 1 and check.stderr == run.stderr, check)
    return case


def warned_by_both(case, *patterns):
    """A start that works and says these lines; config check says them too, and ok."""
    case.works()
    for done in (case.start(), case.start("config", "check", case.folder / "bad.toml")):
        text = done.stdout + done.stderr
        missing = [pattern for pattern in patterns if not re.search(r"^warning: " + pattern, text, re.M)]
        hold(case, f"warns of {len(patterns)} things", done.returncode == 0 and not missing, done)
        if missing:
            print(f"  missing {missing}\n{text}")
    return case


def format_cases(new, model):
    case = new("format of another family").set("models.policy_format", "llama3")
    refused_by_both(case, r'models\.policy_format: .*/model: chat format llama3: .*special token "<\|begin_of_text\|>"')
    case.set("models.policy_format", "chatml").works()
    case = new("marker that is no special token")
    copy = case.folder / "model"
    shutil.copytree(model, copy)
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    for token in tokenizer["added_tokens"]:
        if token["content"] == "<|im_start|>":
            token["content"] = "<|other|>"
    vocabulary = tokenizer["model"]["vocab"]
    if "<|im_start|>" in vocabulary:
        vocabulary["<|other|>"] = vocabulary.pop("<|im_start|>")
    write(copy / "tokenizer.json", json.dumps(tokenizer))
    case.set("models.base", copy)
    refused_by_both(case, r'models\.policy_format: .*chat format chatml: .*special token "<\|im_start\|>"')
    case = new("model's own template, which is not there").set("models.policy_format", "model")
    refused_by_both(case, r"models\.policy_format: .*/model: the model has no chat template")
    case = new("model's own template")
    copy = case.folder / "model"
    shutil.copytree(model, copy)
    case.set("models.base", copy).set("models.policy_format", "model")
    for template, why in (("{% if %}", 'line 1: "%}", expected a value'), ("\n{{ messages | rot13 }}", "line 2: filter 'rot13'"),
                          ("{{ messages[0].content }}", "it does not write the answer")):
        write(copy / "chat_template.jinja", template)
        refused_by_both(case, r"models\.policy_format: .*/model: chat template:? " + re.escape(why))
    write(copy / "chat_template.jinja", "{% for m in messages %}{{ m.role ~ m.content ~ '<|im_end|>' }}{% endfor %}")
    case.works()
    case = new("context longer than the model's").set("models.max_context", 100000)
    refused_by_both(case, r"models\.max_context: got 100000, expected at most the \d+ tokens of .*/model")
    case.set("models.max_context", 512).works()
    case = new("preference model with another vocabulary")
    copy = case.folder / "model"
    shutil.copytree(model, copy)
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:-1]
    write(copy / "tokenizer.json", json.dumps(tokenizer))
    case.set("models.pm_init", copy)
    refused_by_both(case, r"models\.pm_init: .*: another tokenizer than that of models\.base")


def data_cases(new):
    case = new("one prompt to train on")
    case.set("data.red_team", write(case.folder / "one.jsonl", ONE_ROW)).set("sl_generate.red_team_prompts", 1)
    case.set("sl_generate.helpful_prompts", 3)
    warned_by_both(case, r"firewall\.held_out_prompts: .*data\.red_team, which has none \(1 row, none held out\)",
                   r"eval\.prompts: .*data\.red_team, which has none \(1 row, none held out\): harmlessness is not evaluated")
    case = new("one prompt, held out")
    case.set("data.red_team", write(case.folder / "same.jsonl", THREE_SAME)).set("sl_generate.helpful_prompts", 4)
    warned_by_both(case, r"label\.comparisons: .*data\.red_team, which has none \(1 row, held out\)")
    case.set("label.check_pairs", 0)
    case.set("run.name", "label")
    done = case.start("run", case.folder / "bad.toml", "--stage", "label")
    hold(case, "the stage says that the data is held out",
         re.search(r"label: skipped: no data: .*data\.red_team, which has none \(1 row, held out\)", done.stderr), done)
    case = new("questions with one answer")
    case.set("data.pmp", write(case.folder / "pmp.jsonl", ONE_ANSWER))
    warned_by_both(case, r"pm_train\.pmp_pairs: .*data\.pmp, which has none \(3 rows, .*the preference model is not pre-trained")
    case = new("no pair for the preference model").set("pm_train.helpfulness_pairs", 0).set("pm_train.harmlessness_pairs", 0)
    refused_by_both(case, r"pm_train\.helpfulness_pairs, pm_train\.harmlessness_pairs: no pair to train the preference model on")
    case.set("pm_train.helpfulness_pairs", 3)
    warned_by_both(case, r"pm_train\.batch: 8 pairs an update, but only 3 to train")
    case = new("no prompt to train on")
    case.set("data.red_team", write(case.folder / "same.jsonl", THREE_SAME)).set("data.helpful", case.folder / "same.jsonl")
    refused_by_both(case, r"data\.red_team, data\.helpful: no prompt to train on \(1 row, held out; 1 row, held out\)")
    case = new("one principle for labels")
    one = ('version = 1\nname = "c"\nsource = "test"\n[[critique]]\nid = "a"\ncritique_request = "Say why."\nrevision_request = "Mend it."\n'
           '[[feedback]]\nid = "b"\ntext = "Which is better?"\n')
    case.set("data.constitution", write(case.folder / "c.toml", one))
    refused_by_both(case, r"data\.constitution: 1 principles for labels, expected 2 at least")


def context_cases(new):
    case = new("every prompt longer than the context")
    case.set("data.red_team", write(case.folder / "p.jsonl", prompts(["word " * 600 + str(i) for i in range(60)], "train")))
    refused_by_both(case, r"data\.red_team: (\d+) of \1 training prompts do not fit into models\.max_context = 512 tokens")
    case = new("context without room for a request").set("models.max_context", 66)
    refused_by_both(case, r"models\.max_context: 66 tokens hold no critique")
    case.set("models.max_context", 512).works()
    # Short enough for a first answer, too long for a critique of it; one row is short, so that the start finds one.
    rows = prompts([f"{i} " + "word " * 470 for i in range(200)] + ["What is rain like in June?"], "train")
    case = new("all of a phase given up")
    case.set("data.red_team", write(case.folder / "p.jsonl", rows))
    case.set("sl_generate.red_team_prompts", 1).set("sl_generate.helpful_prompts", 0)
    for _ in range(2):  # and again when it is resumed
        done = case.start()
        last = done.stderr.splitlines()[-1]
        hold(case, "the run ends with the reason", done.returncode == 1 and re.search(
            r"^charter: sl_generate: all of its 1 work items were given up, .*most often \(1\): conversation and request do not fit", last), done)
    status = json.loads(case.start("status", "--run", case.run_dir, "--json").stdout)
    hold(case, "its stage is not done", status["stages"][0]["state"] == "stopped", done)
    case = new("some of a phase given up")
    case.set("data.red_team", write(case.folder / "p.jsonl", rows))
    done = case.start()
    hold(case, "a line says how many and why", done.returncode == 0 and re.search(
        r"^sl_generate: 2 of 4 work items were given up \(50 %\), most often \(2\): conversation and request", done.stderr, re.M), done)


def port_cases(new):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        case = new("metrics port in use").set("metrics.address", address)
        refused_by_both(case, rf"metrics\.address: {address}: in use; choose another port")
    for host, why in (("no-such-host.invalid", "no-such-host.invalid: "), ("192.0.2.1", "Cannot assign requested address")):
        case = new(f"metrics host {host}").set("metrics.address", f"{host}:9400")
        refused_by_both(case, rf"metrics address {host}:9400: {why}.*expected a name or address of this host")
    case = new("metrics host by name").set("metrics.address", "localhost:0")
    done = case.start("config", "check", case.folder / "bad.toml")
    hold(case, "it resolves", done.returncode == 0, done)


def directory_cases(new):
    case = new("resumed with other settings").works()
    case.set("rl.batch", 16)
    lines = [case.start().stderr, case.start("config", "check", case.folder / "bad.toml").stderr]
    hold(case, "config check refuses what run does", lines[0] == lines[1] and "rl.batch: 8 -> 16" in lines[0], case.start())
    case = new("data exchanged before a resume")
    path = write(case.folder / "p.txt", GOOD_LINES)
    case.set("data.red_team", path).works()
    write(path, GOOD_LINES.replace("size 1?", "size 100?"))
    lines = [case.start().stderr, case.start("config", "check", case.folder / "bad.toml").stderr]
    hold(case, "config check refuses what run does", lines[0] == lines[1] and "data.red_team" in lines[0], case.start())
    case = new("run root is a file")
    write(case.folder / "runs", "")
    case.refused(r"runs.*expected a directory that can be made", "config", "check", case.folder / "bad.toml")


def disk_cases(new):
    case = new("disk too small for the run")
    (case.folder / "runs").mkdir()
    path = case.folder / "bad.toml"
    path.write_text(toml(case.config))
    script = f"mount -t tmpfs -o size=2m none '{case.folder}/runs' && exec '{BINARY}' config check '{path}'"
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        print("disk: skipped, needs root and unshare")
        return
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=120)
    hold(case, "config check names what is free and what is needed", done.returncode == 1 and re.search(
        r"^charter: run\.root: .*: 0\.00 GiB free on this disk, expected the \d+\.\d\d GiB", done.stderr), done)


def main():
    if not VOCABULARY.exists():
        print(f"skipped: {VOCABULARY} is absent")
        return 77
    with tempfile.TemporaryDirectory(prefix="charter-start-") as name:
        folder = pathlib.Path(name)
        model = folder / "model"
        subprocess.run([MAKE_MODEL, str(VOCABULARY), str(model)], check=True, timeout=120)

        def new(case):
            return Case(folder, model, case)

        format_cases(new, model)
        data_cases(new)
        context_cases(new)
        port_cases(new)
        directory_cases(new)
        disk_cases(new)
    print(f"{len(failures)} not held" + (": " + ", ".join(failures) if failures else ""))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
