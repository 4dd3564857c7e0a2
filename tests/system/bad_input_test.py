#!/usr/bin/env python3
"""Bad input to the binary: each ends with one clear line, and leaves nothing that a later start would trust.

  bad_input_test.py config     the run configuration
  bad_input_test.py data       data files of every kind
  bad_input_test.py model      GGUF files and Hugging Face directories
  bad_input_test.py directory  run directories, ports, a full disk
  bad_input_test.py context    prompts longer than the context
  bad_input_test.py output     standard output that takes nothing, runs where nothing can be written

Every case runs the command, checks the line against a pattern, mends the input and runs the same command again, which must
work in the same run directory. CHARTER_BINARY and MAKE_TINY_MODEL name the programs, CHARTER_MODEL the GGUF whose
vocabulary is used. Exit code: 0 it held, 1 the list of what did not, 77 the vocabulary is absent.
"""
import gzip
import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile

from programs import run_program

BINARY = os.environ["CHARTER_BINARY"]
MAKE_MODEL = os.environ["MAKE_TINY_MODEL"]
VOCABULARY = pathlib.Path(
    os.environ.get("CHARTER_MODEL")
    or pathlib.Path.home() / ".cache/charter/models/SmolLM2-135M-Instruct.Q4_1.gguf"
)
CONFIG = {
    "run": {"name": "bad"},
    "models": {"max_context": 512},
    "machine": {"placement": "single", "transport": "inproc", "compute_slots": 1},
    "rollout": {"batch": 4, "prefix_cache_mib": 16},
    "sl_generate": {"red_team_prompts": 2, "rounds": 1, "helpful_prompts": 2, "max_new_tokens": 4, "fewshot_max_tokens": 0},
    "sl_train": {"max_tokens": 64},
    "pm_train": {"max_tokens": 64},
    "rl": {"max_new_tokens": 4},
    "eval": {"max_new_tokens": 4},
}
GOOD_LINES = "".join(f"How do I mend a bicycle tyre of size {i}?\n" for i in range(60))
failures = []


def toml(config):
    return "".join(f"[{section}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
                   for section, keys in config.items())


class Case:
    """One run directory and its configuration."""

    def __init__(self, folder, model, name):
        self.name = name
        self.folder = folder / re.sub(r"\W+", "-", name)
        self.folder.mkdir()
        self.config = {section: dict(keys) for section, keys in CONFIG.items()}
        self.config["run"]["root"] = str(self.folder / "runs")
        self.config["models"]["base"] = str(model)
        self.run_dir = self.folder / "runs/bad"
        self.toml_text = None  # instead of `config`

    def set(self, key, value):
        section, name = key.split(".")
        self.config.setdefault(section, {})[name] = str(value) if isinstance(value, pathlib.Path) else value
        return self

    def start(self, *arguments):
        path = self.folder / "bad.toml"
        path.write_text(toml(self.config) if self.toml_text is None else self.toml_text)
        arguments = arguments or ("run", str(path), "--stage", "sl_generate")
        return run_program([BINARY, *arguments], timeout=120)

    def fail(self, what, done):
        failures.append(self.name)
        print(f"NOT HELD {self.name}: {what}\n  exit code {done.returncode}\n  {done.stderr.strip()}")

    def refused(self, pattern, *arguments):
        """The command fails with one line that matches; what an import says before is no error."""
        done = self.start(*arguments)
        lines = [line for line in done.stderr.splitlines() if line.startswith("charter: ")]
        if done.returncode not in (1, 2):
            self.fail("expected exit code 1 or 2", done)
        elif len(lines) != 1 or done.stderr.splitlines()[-1] != lines[0]:
            self.fail("expected one line, the last", done)
        elif not re.search(pattern, lines[0]):
            self.fail(f"expected a match of {pattern}", done)
        elif re.search(r"terminate called|Aborted|#\d+ |0x[0-9a-f]{8}|\bat::|std::", done.stderr):
            self.fail("a trace or an inner name in the message", done)
        else:
            print(f"{self.name}: {lines[0]}")
        return self

    def leaves(self, *names):
        """The run directory holds no more than this."""
        there = {path.name for path in self.run_dir.iterdir()} if self.run_dir.is_dir() else set()
        if extra := there - set(names):
            failures.append(self.name)
            print(f"NOT HELD {self.name}: left behind {sorted(extra)}")
        return self

    def works(self):
        done = self.start()
        if done.returncode != 0:
            self.fail("expected the mended input to work", done)
            return self
        with sqlite3.connect(f"file:{self.run_dir}/ledger.sqlite?mode=ro", uri=True) as db:
            states = db.execute("SELECT state, count(*) FROM work WHERE stage = 'sl_generate' GROUP BY state").fetchall()
        if states != [("recorded", 4)]:
            failures.append(self.name)
            print(f"NOT HELD {self.name}: after mending the work is {states}")
        return self


# What a start that failed before the run began may leave: an empty frame.
FRAME = ("weights", "checkpoints", "logs", "ledger.sqlite.lock")


def config_cases(new):
    case = new("config file missing")
    case.refused(r"nowhere\.toml: .*No such file", "run", case.folder / "nowhere.toml")
    case = new("config is a directory")
    case.refused(r"config-is-a-directory: .*directory", "run", case.folder)
    case = new("unknown key")
    case.set("rl.learning_rat", 0.1).refused(r"bad\.toml:\d+: .*rl\.learning_rat.*learning_rate").leaves()
    case = new("unknown section")
    case.set("rll.batch", 1).refused(r"bad\.toml:\d+: .*rll.*rl").leaves()
    case = new("wrong type")
    case.set("rl.batch", "many").refused(r'bad\.toml:\d+: rl\.batch: got the string "many", expected').leaves()
    case = new("out of range")
    case.set("rollout.temperature", -1).refused(r"bad\.toml:\d+: rollout\.temperature: .*expected").leaves()
    case = new("truncated TOML")
    case.toml_text = '[run]\nname = "bad'
    case.refused(r"bad\.toml:2: ").leaves()
    case = new("TOML that is not UTF-8")
    path = case.folder / "latin.toml"
    path.write_bytes(b'[run]\nname = "caf\xe9"\n')
    case.refused(r"latin\.toml:2: .*(UTF-8|utf-8)", "run", path)
    case = new("unknown override")
    case.refused(r"--set rl\.bach=1.*rl\.batch|rl\.bach.*batch", "run", case.folder / "bad.toml", "--set", "rl.bach=1").leaves()
    case = new("stage unknown")
    case.refused(r"--stage.*sl_generat", "run", case.folder / "bad.toml", "--stage", "sl_generat").leaves()
    case = new("resumed with other settings")
    case.works().set("rl.batch", 16).refused(r"rl\.batch: 8 -> 16.*another run\.name")
    case.set("rl.batch", 8).works()


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def data_cases(new):
    hh = "".join(json.dumps({"chosen": f"\n\nHuman: Question {i}?\n\nAssistant: Yes.",
                             "rejected": f"\n\nHuman: Question {i}?\n\nAssistant: No."}) + "\n" for i in range(60))
    own = "".join(json.dumps({"id": f"p{i}", "prompt": f"Question {i}?"}) + "\n" for i in range(60))
    posts = ('<?xml version="1.0" encoding="utf-8"?>\n<posts>\n'
             '<row Id="1" PostTypeId="1" AcceptedAnswerId="2" Title="Why?" Body="&lt;p&gt;Why&lt;/p&gt;" Score="3" />\n'
             '<row Id="2" PostTypeId="2" ParentId="1" Body="Because." Score="7" />\n'
             '<row Id="3" PostTypeId="2" ParentId="1" Body="No idea." Score="-1" />\n</posts>\n')
    packed = gzip.compress(hh.encode())
    broken = bytearray(packed)
    broken[len(broken) // 2] ^= 0xFF
    # name, key, file name, bad content, pattern, good content
    rows = [
        ("prompt file empty", "red_team", "p.txt", "", r"data\.red_team: .*p\.txt: is empty", GOOD_LINES),
        ("prompt file of blank lines", "helpful", "p.txt", "\n \n", r"data\.helpful: .*p\.txt: is empty", GOOD_LINES),
        ("JSONL cut in a row", "red_team", "p.jsonl", own[:-20], r"data\.red_team: .*p\.jsonl:60: malformed JSON", own),
        ("JSONL row without its key", "red_team", "p.jsonl", '{"id": "a", "prompt": "A?"}\n{"id": "b", "promt": "B?"}\n',
         r"p\.jsonl:2: key 'prompt' is missing", own),
        ("JSONL prompt of a wrong type", "red_team", "p.jsonl", '{"id": "a", "prompt": 7}\n', r"p\.jsonl:1: key 'prompt' is a number, expected a string", own),
        ("JSONL that is not UTF-8", "red_team", "p.jsonl", own.encode() + b'{"prompt": "caf\xe9"}\n', r"p\.jsonl:61: byte \d+ is not UTF-8", own),
        ("text that is not UTF-8", "red_team", "p.txt", b"How?\ncaf\xe9\n", r"p\.txt:2: byte \d+ is not UTF-8", GOOD_LINES),
        ("gzip cut short", "red_team", "p.jsonl.gz", packed[:-40], r"p\.jsonl\.gz: corrupt or truncated gzip", packed),
        ("gzip with a wrong byte", "red_team", "p.jsonl.gz", bytes(broken), r"p\.jsonl\.gz(:\d+)?: ", packed),
        ("gzip by name only", "red_team", "p.jsonl.gz", hh, r"p\.jsonl\.gz: is not gzip", packed),
        ("JSON array cut short", "helpful", "p.json", '[{"instruction": "Say hello."},\n{"instr', r"p\.json:2: ", json.dumps([{"instruction": f"Say hello {i} times."} for i in range(60)])),
        ("comparisons without a usable one", "helpfulness", "c.jsonl", '{"chosen": "\\n\\nHuman: A?\\n\\nAssistant: B", "rejected": "\\n\\nHuman: A?\\n\\nAssistant: B"}\n',
         r"data\.helpfulness: .*c\.jsonl: .*usable", hh),
        ("transcript without a marker", "harmlessness_eval", "c.jsonl", '{"chosen": "Hello", "rejected": "Bye"}\n', r"data\.harmlessness_eval: .*c\.jsonl:1: key 'chosen': ", hh),
        ("XML cut in a row", "pmp", "Posts.xml", posts[:-60], r"data\.pmp: .*Posts\.xml:5: .*ends", posts),
        ("XML cut after a row", "pmp", "Posts.xml", posts[:-10], r"data\.pmp: .*Posts\.xml:\d+: .*ends before </posts>", posts),
        ("XML of another kind", "pmp", "Posts.xml", "<users></users>", r"Posts\.xml:1: root is <users>, expected <posts>", posts),
        ("XML score not a number", "pmp", "Posts.xml", posts.replace('Score="7"', 'Score="many"'), r"Posts\.xml:4: attribute 'Score' is 'many', expected an integer", posts),
        ("XML empty", "pmp", "Posts.xml", "", r"data\.pmp: .*Posts\.xml:1: expected an XML file with <posts>", posts),
        ("XML that is not UTF-8", "pmp", "Posts.xml", posts.encode().replace(b"Because", b"Caf\xe9"), r"data\.pmp: .*Posts\.xml:4: row is not UTF-8", posts),
        ("two rows of one id", "red_team", "p.jsonl", own + '{"id": "p7", "prompt": "Another?"}\n', r"p\.jsonl:61: id 'p7' is used twice", own),
        ("table separated by tabs", "red_team", "p.tsv", "id\tprompt\n1\tWhy?\n", r"data\.red_team: .*p\.tsv: is a table separated by tabs, expected JSON rows", None),
        ("Parquet", "helpful", "p.parquet", b"PAR1\0\1\2\3PAR1", r"data\.helpful: .*p\.parquet: is a Parquet file, expected text; to convert it: python3", None),
        ("JSONL of another key", "red_team", "p.jsonl", '{"question": "Why?"}\n', r"p\.jsonl:1: key 'prompt' is missing, expected prompt, messages, .*; the row has question", own),
        ("rows that are all empty", "red_team", "p.jsonl", '{"prompt": ""}\n{"prompt": null}\n', r"p\.jsonl: no row holds a usable prompt: 2 skipped: 2 empty \(lines 1, 2\)", own),
        ("comparisons of equal answers", "helpfulness", "c.jsonl", '{"prompt": "W?", "chosen": "a", "rejected": "a"}\n', r"c\.jsonl: no row holds a usable comparison: 1 skipped: 1 with equal answers \(line 1\)", hh),
        ("CSV without a prompt column", "red_team", "p.csv", "a,b\n1,2\n", r"p\.csv:1: expected a column goal", "goal\n" + GOOD_LINES),
        ("constitution malformed", "constitution", "c.toml", "[[critique]\n", r"data\.constitution: .*c\.toml:1: malformed TOML", None),
        ("few-shot row malformed", "critique_fewshot", "f.jsonl", '{"prompt": "A?"}\n', r"data\.critique_fewshot: .*f\.jsonl:1: key 'response' is missing", None),
    ]
    for name, key, file, bad, pattern, good in rows:
        case = new(name)
        path = case.folder / file
        write(path, bad)
        case.set("data." + key, path).refused(pattern).leaves()
        if good is None:
            del case.config["data"]
        else:
            write(path, good)
        case.works()
    for key, pattern in (("red_team", r"data\.red_team: .*No such file"), ("pmp", r"data\.pmp: .*No such file")):
        case = new("missing " + key)
        case.set("data." + key, case.folder / ("none.xml" if key == "pmp" else "none.jsonl")).refused(pattern).leaves()
        case = new("directory as " + key)
        (case.folder / "d.xml").mkdir()
        case.set("data." + key, case.folder / "d.xml").refused(rf"data\.{key}: .*d\.xml: is a directory, expected a file").leaves()


def model_cases(new, model):
    # A GGUF cut inside its tensor data and one of another kind; the vocabulary's file is real.
    head = VOCABULARY.open("rb").read(8 << 20)
    for name, content, pattern in (
        ("GGUF cut short", head, r"m\.gguf: (tensor|offset|key|metadata|expected).*"),
        ("GGUF of another kind", b"GGML" + head[4:4096], r'm\.gguf: offset 0: expected the magic "GGUF"'),
        ("GGUF empty", b"", r"m\.gguf: the file is empty"),
        ("GGUF cut in its header", head[:1000], r"m\.gguf: .*expected"),
    ):
        case = new(name)
        path = write(case.folder / "m.gguf", content)
        case.set("models.base", path).refused(pattern).leaves(*FRAME)
        case.refused(pattern, "import", path, case.folder / "out")
        case.set("models.base", model).works()  # another path: nothing binds the directory to the bad one
    weights = (model / "model.safetensors").read_bytes()
    damages = (
        ("safetensors cut short", "model.safetensors", weights[: len(weights) // 2], r"model\.safetensors: .*expected"),
        ("safetensors header damaged", "model.safetensors", weights[:8] + b"\0\0\0\0" + weights[12:], r"model\.safetensors: "),
        ("safetensors with an impossible header", "model.safetensors", b"\xff" * 8 + weights[8:], r"model\.safetensors: offset 0: header of \d+ bytes, the file has \d+ more"),
        ("safetensors missing", "model.safetensors", None, r"model\.safetensors"),
        ("config.json cut short", "config.json", (model / "config.json").read_bytes()[:100], r"config\.json:\d+: malformed JSON"),
        ("config.json of another architecture", "config.json", (model / "config.json").read_bytes().replace(b"llama", b"bert").replace(b"Llama", b"Bert"),
         r"config\.json: .*(bert|Bert).*expected"),
        ("tokenizer.json cut short", "tokenizer.json", (model / "tokenizer.json").read_bytes()[:100000], r"tokenizer\.json: "),
        ("tokenizer.json missing", "tokenizer.json", None, r"tokenizer\.json"),
    )
    for name, file, content, pattern in damages:
        case = new(name)
        copy = case.folder / "model"
        shutil.copytree(model, copy)
        (copy / file).unlink()
        if content is not None:
            write(copy / file, content)
        case.set("models.base", copy).refused(pattern).leaves(*FRAME)
        shutil.copy(model / file, copy / file)
        case.works()
    case = new("chat template with an unknown filter")
    copy = case.folder / "model"
    shutil.copytree(model, copy)
    write(copy / "chat_template.jinja", "<start_of_turn>\n{{ messages[0].role | rot13 }}")
    chat = write(case.folder / "chat.jsonl", json.dumps({"messages": [{"role": "user", "content": "Hi"}]}) + "\n")
    text = write(case.folder / "text.jsonl", json.dumps({"prompt": "Hi"}) + "\n")
    generate = ("generate", "--model", copy, "--max-new-tokens", "1", "--in")
    case.refused(r"chat\.jsonl:1: chat template line 2: filter 'rot13' is not supported", *generate, chat)
    write(copy / "chat_template.jinja", "a\n{% include 'b' %}")
    case.refused(r'/model: chat template line 2: tag "include" is not supported.*--chat-format', *generate, chat)
    for arguments in ((text,), (chat, "--chat-format", "chatml")):
        if (done := case.start(*generate, *arguments)).returncode != 0:
            case.fail("expected an answer: a raw prompt needs no template, a named format neither", done)
    case = new("model missing")
    case.set("models.base", case.folder / "none").refused(r"/none: .*(GGUF|No such)").leaves(*FRAME)
    case.set("models.base", model).works()


def directory_cases(new):
    case = new("run root is a file")
    write(case.folder / "runs", "")
    case.refused(r"runs/bad: .*expected a directory that can be made")
    (case.folder / "runs").unlink()
    case.works()
    case = new("run directory is a file")
    (case.folder / "runs").mkdir()
    write(case.run_dir, "")
    case.refused(r"runs/bad: .*expected a directory that can be made")
    case.run_dir.unlink()
    case.works()
    case = new("run directory cannot be made")
    case.set("run.root", "/proc/charter").refused(r"/proc/charter/bad: .*expected a directory that can be made")
    case.set("run.root", str(case.folder / "runs")).works()
    case = new("status of a missing run directory")
    case.refused(r"nothing: no such run directory", "status", "--run", case.folder / "nothing")
    case.refused(r": no ledger\.sqlite in it; expected the directory of a run", "report", "--run", case.folder)
    case = new("ledger damaged")
    case.works()
    ledger = case.run_dir / "ledger.sqlite"
    kept = ledger.read_bytes()
    for extra in case.run_dir.glob("ledger.sqlite-*"):
        extra.unlink()
    write(ledger, kept[:2048] + b"\x55" * (len(kept) - 2048))
    case.refused(r"ledger\.sqlite: .*")
    write(ledger, kept)
    case.works()
    case = new("manifest damaged")
    case.works()
    manifest = case.run_dir / "manifest.json"
    kept = manifest.read_bytes()
    write(manifest, kept[:10])
    case.refused(r"manifest\.json: expected a JSON object with run_id")
    write(manifest, kept)
    case.works()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        case = new("metrics port in use")
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        case.set("metrics.address", address).refused(rf"metrics.address.*{address}: in use; choose another port|metrics address {address}: in use; choose another port")
        case.set("metrics.address", "127.0.0.1:0").works()
    case = new("metrics address malformed")
    case.set("metrics.address", "localhost").refused(r"metrics\.address: .*expected host:port").leaves()
    full_disk(new)


def full_disk(new):
    """A run on a file system of a few megabytes: too small for the plan, which counts the weights and a MiB for the
    stage; full while the model is imported, whose tokenizer is not counted; full while the stage runs."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        print("disk full: skipped, needs root and unshare")
        return
    full = r"(No space left|full|cannot write)"
    for name, pattern in (("disk too small for the run", r"run\.root: .* free on this disk, expected the "),
                          ("disk full at the import", full), ("disk full in a stage", full)):
        case = new(name)
        model = pathlib.Path(case.config["models"]["base"])
        weights = (model / "model.safetensors").stat().st_size
        size = {"disk too small for the run": weights // 2, "disk full at the import": weights + 1300 * 1024,
                "disk full in a stage": sum(file.stat().st_size for file in model.iterdir()) + 60 * 1024}[name]
        (case.folder / "runs").mkdir()
        path = case.folder / "bad.toml"
        path.write_text(toml(case.config))
        script = (f"mount -t tmpfs -o size={size // 1024}k none '{case.folder}/runs' && "
                  f"{{ '{BINARY}' run '{path}' --stage sl_generate; echo \"code $?\" >&2; "
                  f"mount -o remount,size=64m '{case.folder}/runs'; '{BINARY}' run '{path}' --stage sl_generate; echo \"code $?\" >&2; }}")
        done = run_program(["unshare", "-m", "sh", "-c", script], timeout=240)
        codes = re.findall(r"^code (\d+)$", done.stderr, re.M)
        lines = [line for line in done.stderr.splitlines() if line.startswith("charter: ")]
        if codes != ["1", "0"] or len(lines) != 1 or not re.search(pattern, lines[0]):
            case.fail("expected one line of a full disk, then success", done)
        else:
            print(f"{name}: {lines[0]}")


def context_cases(new):
    case = new("prompt longer than the context")
    long = "word " * 3000
    path = write(case.folder / "p.txt", GOOD_LINES)
    rows = GOOD_LINES.splitlines()
    # Every row long but three, one of which at least is not held out: whatever is drawn, something does not fit.
    path.write_text("\n".join([long + str(i) for i in range(57)] + rows[:3]))
    case.set("data.red_team", path)
    done = case.start()
    with sqlite3.connect(f"file:{case.run_dir}/ledger.sqlite?mode=ro", uri=True) as db:
        given_up = db.execute("SELECT reason FROM work WHERE state = 'quarantined'").fetchall()
    if done.returncode != 0 or not given_up or not all("tokens" in reason and "expected at most 512" in reason for (reason,) in given_up):
        case.fail(f"expected the stage to go on and to say why it gave up {given_up}", done)
    else:
        print(f"{case.name}: {given_up[0][0]}")
    model = case.config["models"]["base"]
    requests = write(case.folder / "in.jsonl", json.dumps({"prompt": long}) + "\n")
    case.refused(r"in\.jsonl:1: .*tokens, expected at most 511", "generate", "--model", model, "--in", requests, "--context", "512")


def said(done, pattern):
    return any(re.search(pattern, line) for line in done.stderr.splitlines())


def skipped_rows(new):
    """What is skipped is said by kind and line when the run starts, and nothing vanishes without a word."""
    own = "".join(json.dumps({"id": i, "prompt": f"Question {i}?"}) + "\n" for i in range(60))
    pairs = "".join(json.dumps({"prompt": f"Question {i}?", "chosen": "Yes.", "rejected": "Yes." if i % 2 else "No."}) + "\n" for i in range(60))
    ties = "".join(json.dumps({"question": f"Question {i}?", "answers": [{"text": "Yes.", "votes": 2.0}, {"text": "No.", "votes": 2}]}) + "\n" for i in range(60))
    case = new("skipped rows are said")
    case.set("data.red_team", write(case.folder / "p.jsonl", own + '{"prompt": ""}\n'))
    case.set("data.helpfulness", write(case.folder / "c.jsonl", pairs))
    case.set("data.pmp", write(case.folder / "q.jsonl", ties))
    done = case.start()
    wanted = (r"data\.red_team: .*: 60 rows, \d+ of them held out; 1 skipped: 1 empty \(line 61\)",
              r"data\.helpfulness: .*: 30 rows, \d+ of them held out; 30 skipped: 30 with equal answers \(lines 2, 4, 6, 8, 10 and 25 more\)",
              r"data\.pmp: .*: 60 rows, \d+ of them held out; no pairs: ")
    if done.returncode != 0 or not all(said(done, pattern) for pattern in wanted):
        case.fail("expected each file's line", done)


def system_turns(new):
    """They stay what they are, and a format that has none refuses them before the first stage."""
    case = new("system turns")
    rows = "".join(json.dumps({"prompt": f"System: Be kind.\n\nHuman: Question {i}?\n\nAssistant:"}) + "\n" for i in range(60))
    case.set("data.red_team", write(case.folder / "p.jsonl", rows)).set("models.policy_format", "plain")
    case.refused(r"data\.red_team: row 'p-1': a system turn that the run's format does not take: .*plain turns have no system message").leaves()
    case.set("models.policy_format", "chatml").works()
    with sqlite3.connect(f"file:{case.run_dir}/ledger.sqlite?mode=ro", uri=True) as db:
        work = [json.loads(payload)["prompt"] for (payload,) in db.execute("SELECT CAST(payload AS TEXT) FROM work WHERE kind = 'sl_chain'")]
    if not work or not all(prompt.startswith("\n\nSystem: Be kind.\n\nHuman: Question ") for prompt in work):
        failures.append(case.name)
        print(f"NOT HELD {case.name}: prompts are {work}")


def equal_after_the_cut(new):
    """Answers that differ at their beginnings alone, which the cut takes away, are not trained on."""
    case = new("answers equal after the cut")
    tail = " and so on" * 80
    rows = "".join(json.dumps({"prompt": f"Question {i}?", "chosen": "Yes" + (tail if i % 2 else "."), "rejected": "No" + (tail if i % 2 else ".")}) + "\n"
                   for i in range(60))
    case.set("data.helpfulness", write(case.folder / "c.jsonl", rows)).set("pm_train.pmp_pairs", 0)
    done = case.start("run", case.folder / "bad.toml", "--stage", "pm_train")
    with sqlite3.connect(f"file:{case.run_dir}/ledger.sqlite?mode=ro", uri=True) as db:
        work = db.execute("SELECT state, CAST(payload AS TEXT), reason FROM work WHERE stage = 'pm_train'").fetchall()
    trained = [payload for state, payload, _ in work if state == "trained"]
    given_up = [(payload, reason) for state, payload, reason in work if state == "quarantined"]
    if (done.returncode != 0 or not trained or not given_up or len(trained) + len(given_up) != len(work)
            or any("so on" in payload for payload in trained)
            or not all("so on" in payload and reason == "skipped as equal: both answers are the same 64 tokens once cut to pm_train.max_tokens"
                       for payload, reason in given_up)
            or not said(done, r"data\.helpfulness: \d+ of \d+ training pairs have equal answers once cut to pm_train\.max_tokens = 64 and will be skipped")):
        case.fail(f"expected the equal pairs to be skipped and said: {work[:2]}", done)


def where_nothing_can_be_written(folder, *arguments):
    """Runs the command with a folder that is read-only: by its modes, or, which root does not heed, by its mount."""
    command = [BINARY, *map(str, arguments)]
    if os.geteuid() == 0:
        mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
        command = ["unshare", "-m", "sh", "-c", mount, str(folder), *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def output_cases(new):
    skipped_rows(new)
    system_turns(new)
    equal_after_the_cut(new)
    case = new("outputs")
    case.works()
    model = case.config["models"]["base"]
    texts = write(case.folder / "texts.jsonl", '{"text": "Hello"}\n')
    prompts = write(case.folder / "prompts.jsonl", '{"prompt": "Hello"}\n')
    scores = write(case.folder / "scores.jsonl", '{"prompt": "Hello", "continuation": " you"}\n')
    path = case.folder / "bad.toml"
    commands = (
        ("--help",), ("config", "check", path), ("config", "explain"), ("plan", path, "--gflops", "60"),
        ("tokenize", "--model", model, "--in", texts), ("generate", "--model", model, "--max-new-tokens", "2", "--in", prompts),
        ("score", "--model", model, "--in", scores), ("status", "--run", case.run_dir), ("status", "--json", "--run", case.run_dir),
        ("report", "--run", case.run_dir), ("report", "--json", "--run", case.run_dir),
    )
    for command in commands:
        for redirect, why in ((">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")):
            shell = " ".join(f"'{word}'" for word in (BINARY, *map(str, command))) + " " + redirect
            done = subprocess.run(shell, shell=True, capture_output=True, text=True, timeout=120)
            lines = [line for line in done.stderr.splitlines() if line.startswith("charter: ")]
            if done.returncode != 1 or len(lines) != 1 or not lines[0].endswith(f"standard output: cannot write: {why}"):
                case.fail(f"expected one line of {why} from {command[0]} {redirect}", done)
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([BINARY, *map(str, command)], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120)
        os.close(writer)
        if done.returncode != 1 or "standard output: cannot write: Broken pipe" not in done.stderr:
            case.fail(f"expected one line of a broken pipe from {command[0]}", done)
    null = os.stat("/dev/null")
    done = case.start("tokenize", "--model", model, "--in", texts, "--out", "/dev/null")
    if done.returncode != 0 or os.stat("/dev/null").st_mode != null.st_mode or os.stat("/dev/null").st_rdev != null.st_rdev:
        case.fail("expected /dev/null to stay", done)
    read_only(case)


def read_only(case):
    """status and report of a copy that nobody can write, with and without what SQLite keeps beside a database."""
    if os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        print("read-only copy: skipped, root needs unshare")
        return
    ledger = sqlite3.connect(case.run_dir / "ledger.sqlite")
    ledger.execute("PRAGMA journal_mode=WAL")
    ledger.execute("UPDATE stages SET reason = 'in the log'")
    ledger.commit()  # stays in the log while this is open
    for ends in (("",), ("", "-wal"), ("", "-wal", "-shm")):
        copy = case.folder / ("copy" + "".join(ends))
        shutil.copytree(case.run_dir, copy, ignore=shutil.ignore_patterns("ledger.sqlite*", "links-*", "weights"))
        if ends == ("",):
            with sqlite3.connect(copy / "ledger.sqlite") as target:
                ledger.backup(target)
            target.close()
        else:
            for end in ends:
                shutil.copy(case.run_dir / f"ledger.sqlite{end}", copy / f"ledger.sqlite{end}")
        for place in (copy, *copy.rglob("*")):
            os.chmod(place, 0o555 if place.is_dir() else 0o444)
        for command in (("status", "--json"), ("report", "--json"), ("report", "--out", "/dev/null")):
            done = where_nothing_can_be_written(copy, command[0], "--run", copy, *command[1:])
            if done.returncode != 0 or (command == ("status", "--json") and "in the log" not in done.stdout):
                case.fail(f"expected {command} to work on a read-only copy with {ends}", done)
        done = where_nothing_can_be_written(copy, "report", "--run", copy)
        if done.returncode != 1 or not re.search(r"report\.html: cannot write: (Permission denied|Read-only file system); --out names another file", done.stderr):
            case.fail("expected the report to say where it cannot write", done)
        for place in (copy, *copy.rglob("*")):
            os.chmod(place, 0o755)
    ledger.close()


def main():
    if not VOCABULARY.exists():
        print(f"skipped: {VOCABULARY} is absent")
        return 77
    with tempfile.TemporaryDirectory(prefix="charter-bad-") as name:
        folder = pathlib.Path(name)
        model = folder / "model"
        subprocess.run([MAKE_MODEL, str(VOCABULARY), str(model)], check=True, timeout=120)

        def new(case):
            return Case(folder, model, case)

        cases = {"config": config_cases, "data": data_cases, "directory": directory_cases, "context": context_cases, "output": output_cases,
                 "model": lambda new: model_cases(new, model)}
        cases[sys.argv[1]](new)
    print(f"{len(failures)} not held" + (": " + ", ".join(failures) if failures else ""))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
