#!/usr/bin/env python3
"""Whole runs of the binary on public research data beside the project, with a tiny random model.

  real_data_test.py human      hh-rlhf, instructions, Stack Exchange, PandaLM, the paper's constitution and few-shots
  real_data_test.py red-team   attempts as text and CSV, another Stack Exchange site, hh-rlhf as helpfulness pairs
  real_data_test.py turns      conversations of several turns as prompts, some longer than the context
  real_data_test.py authored   no data.* key: nothing may be called human

What each run read is checked in its ledger, its status and its report. CHARTER_BINARY and MAKE_TINY_MODEL name the programs,
CHARTER_MODEL the GGUF whose vocabulary is used, CHARTER_SHARED_DATA the data. Exit code: 0 it held, 1 what did not, 77 the
data or the vocabulary is absent.
"""
import gzip
import html
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import traceback

from programs import run_program

BINARY = os.environ["CHARTER_BINARY"]
MAKE_MODEL = os.environ["MAKE_TINY_MODEL"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("CHARTER_SHARED_DATA") or ROOT.parent / "shared/data")
VOCABULARY = pathlib.Path(
    os.environ.get("CHARTER_MODEL")
    or pathlib.Path.home() / ".cache/charter/models/SmolLM2-135M-Instruct.Q4_1.gguf"
)
STAGES = ["sl_generate", "sl_train", "label", "pm_train", "firewall", "rl", "eval", "report"]

CONFIG = {
    "run": {"name": "real"},
    "models": {"max_context": 512},
    "machine": {"placement": "single", "transport": "inproc", "compute_slots": 1},
    "rollout": {"batch": 4, "prefix_cache_mib": 16},
    "lora": {"rank": 2, "alpha": 4},
    "sl_generate": {"red_team_prompts": 4, "rounds": 1, "helpful_prompts": 4, "max_new_tokens": 8, "fewshot_max_tokens": 200},
    "sl_train": {"batch": 2, "max_tokens": 64},
    "label": {"comparisons": 4, "check_pairs": 8},
    "pm_train": {"pmp_pairs": 24, "helpfulness_pairs": 24, "harmlessness_pairs": 4, "batch": 8, "max_tokens": 64, "eval_pairs": 8},
    "firewall": {"helpful_prompts": 8, "held_out_prompts": 4},
    "rl": {"updates": 2, "batch": 2, "max_new_tokens": 8, "pair_fraction": 0.5, "pm_batch": 1},
    "eval": {"prompts": 4, "max_new_tokens": 8, "bootstrap": 10},
}


class Run:
    """A run with these data.* keys, from its start to its report."""

    def __init__(self, folder, data, **overrides):
        config = {section: dict(keys) for section, keys in CONFIG.items()}
        config["run"]["root"] = str(folder / "runs")
        config["models"]["base"] = str(folder / "model")
        config["data"] = {key: str(path) for key, path in data.items()}
        for key, value in overrides.items():
            section, name = key.split("__")
            config[section][name] = value
        subprocess.run([MAKE_MODEL, str(VOCABULARY), str(folder / "model")], check=True, timeout=120)
        file = folder / "real.toml"
        file.write_text("".join(f"[{s}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items())
                                for s, keys in config.items()))
        self.dir = folder / "runs/real"
        done = run_program([BINARY, "run", file], timeout=280)
        self.log = done.stderr
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr[-4000:]}"
        shown = run_program([BINARY, "status", "--run", self.dir, "--json"], timeout=60)
        assert shown.returncode == 0, shown
        self.status = json.loads(shown.stdout)
        assert [(s["name"], s["state"]) for s in self.status["stages"]] == [(s, "done") for s in STAGES], self.status["stages"]
        page = (self.dir / "report.html").read_text()
        page = re.sub(r"<(style|svg).*?</\1>", "", page, flags=re.S)
        page = page[:page.rfind("<h2>Configuration")]
        page = re.sub(r"</(tr|p|h\d|div|li)>", "\n", page)
        self.page = html.unescape(re.sub(r"<[^>]+>", "", page.replace("</td>", " | ").replace("</th>", " | ")))

    def query(self, sql, *values):
        with sqlite3.connect(f"file:{self.dir}/ledger.sqlite?mode=ro", uri=True) as db:
            return db.execute(sql, values).fetchall()

    def payloads(self, stage, kind):
        return [json.loads(p) for (p,) in self.query("SELECT payload FROM work WHERE stage = ? AND kind = ?", stage, kind)]

    def sources(self):
        return {row["data"]: (row["human"], row["ai"], row["authored"]) for row in self.status["label_sources"]}

    def reports(self, *texts):
        for text in texts:
            assert re.search(text, self.page), f"the report does not say {text}:\n{self.page[:6000]}"

    def says(self, *texts):
        for text in texts:
            assert re.search(text, self.log), f"the run does not say {text}:\n{self.log[:3000]}"

    def gave_up(self):
        return self.query("SELECT stage, kind, prompt_id, reason FROM work WHERE state = 'quarantined'")


def turns(transcript):
    return re.findall(r"\n\n(Human|Assistant):", transcript)


def hh_rows():
    with gzip.open(DATA / "hh-rlhf/harmless-base.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def human(folder):
    run = Run(folder, {
        "red_team": DATA / "hh-rlhf/harmless-base.jsonl.gz",
        "helpful": DATA / "instructions/instruction-data.json",
        "pmp": DATA / "stackexchange/beer.stackexchange/Posts.xml",
        "helpfulness": DATA / "pandalm/testset-part.json",
        "harmlessness_eval": DATA / "hh-rlhf/harmless-base.jsonl.gz",
        "constitution": DATA / "cai-paper/prompts",
        "critique_fewshot": DATA / "cai-paper/prompts/CritiqueRevisionFewShotPrompts.json",
        "feedback_fewshot": DATA / "cai-paper/prompts/RLMadisonFewShotPrompts.json",
    }, sl_generate__fewshot_max_tokens=300, models__max_context=2048)
    run.says(r"data\.red_team: .*harmless-base\.jsonl\.gz: 1\d\d\d rows, \d+ of them held out; \d+ skipped",
             r"data\.pmp: .*beer\.stackexchange/Posts\.xml: \d+ rows", r"data\.constitution: .*: 16 principles for critiques, 16 for labels")

    # Every prompt is a first human turn of hh-rlhf, or an instruction.
    openings = {re.split(r"\n\n(?:Human|Assistant):", row["chosen"])[1].strip() for row in hh_rows()}
    chains = run.payloads("sl_generate", "sl_chain")
    assert len(chains) == 4
    for work in chains:
        assert work["prompt"].removeprefix("\n\nHuman: ") in openings, work["prompt"]
    instructions = {row["instruction"] for row in json.load(open(DATA / "instructions/instruction-data.json"))}
    for work in run.payloads("sl_generate", "helpful_sample"):
        assert work["prompt"].removeprefix("\n\nHuman: ").split("\n\n")[0] in instructions, work["prompt"]
    principles = {json.loads(body)["rounds"][0]["principle"] for (body,) in run.query(
        "SELECT body FROM records r JOIN work w ON w.id = r.work_id WHERE w.kind = 'sl_chain'")}
    assert principles and all(re.fullmatch(r"harmful\d+", p) for p in principles), principles

    # Comparisons of several turns go to judge and PM whole, under their human labels.
    checked = run.payloads("judge_check", "judge")
    # 8 for both methods of the labeller, for the evaluation's judge, and 8 of helpfulness for it.
    assert len(checked) == 32 and {w["source"] for w in checked} == {"human"}, checked
    assert any(len(turns(w["prompt"])) >= 3 for w in checked), "no conversation of several turns was drawn"
    for work in checked:
        assert turns(work["prompt"])[0] == "Human" and turns(work["prompt"])[-1] == "Human"
    assert not [g for g in run.gave_up() if g[0] == "judge_check"], run.gave_up()
    sources = run.sources()
    assert sources["PM pre-training pairs"] == (24, 0, 0), sources
    assert sources["PM comparisons"] == (24, 4, 0), sources
    assert sources["PM comparisons, held out"] == (16, 0, 0), sources
    assert sources["pairs the judges are checked on"] == (8, 0, 0), sources
    assert sources["helpfulness pairs the evaluation's judge is checked on"] == (8, 0, 0), sources
    assert sources["pairs of the SL-CAI policy"][1] == 4, sources
    assert all(authored == 0 for _, _, authored in sources.values()), sources
    votes = run.payloads("pmp", "pmp")
    assert len(votes) == 24 and not any("<p>" in w["first"] + w["prompt"] for w in votes)

    run.reports(r"hh-rlhf/harmless-base\.jsonl\.gz", r"beer\.stackexchange/Posts\.xml", r"pandalm/testset-part\.json",
                r"cai-paper/prompts", r"helpfulness, held out, labels: human", r"harmlessness, held out, labels: human",
                r"data\.red_team: .*skipped", r"PM pre-training: \d+ of 48 conversations were longer than pm_train\.max_tokens",
                r"PM accuracy: \d+ of 32 conversations were longer", r"length normalization", r"its principles \(.*\) are held out")
    # The cut of the page and that of the ledger.
    cut = sum(json.loads(stats)["cut"] for (stats,) in run.query("SELECT stats FROM versions WHERE model = 'pmp'"))
    assert f"PM pre-training: {cut} of 48" in run.page


def red_team(folder):
    run = Run(folder, {
        "red_team": DATA / "red-team/strongreject.csv",
        "helpful": DATA / "red-team/malicious_instruct.txt",  # a text of one prompt a line; what it asks is no matter here
        "pmp": DATA / "stackexchange/matheducators.stackexchange/Posts.xml",
        "helpfulness": DATA / "hh-rlhf/harmless-base.jsonl.gz",
    })
    run.says(r"data\.red_team: .*strongreject\.csv: 313 rows", r"data\.helpful: .*malicious_instruct\.txt: 100 rows")
    lines = {line.strip() for line in (DATA / "red-team/malicious_instruct.txt").read_text().splitlines()}
    for work in run.payloads("sl_generate", "helpful_sample"):
        assert work["prompt"].removeprefix("\n\nHuman: ") in lines, work["prompt"]
    trained = run.payloads("pm_train", "preference")
    assert {w["source"] for w in trained if w["purpose"] == "helpfulness"} == {"human"}
    assert any(len(turns(w["prompt"])) >= 3 for w in trained), "no conversation of several turns was drawn"
    # The pairs that measure harmlessness are the project's own, and called so.
    sources = run.sources()
    assert sources["pairs the judges are checked on"][0] == 0 and sources["pairs the judges are checked on"][2] > 0, sources
    assert sources["PM comparisons, held out"][0] == 8 and sources["PM comparisons, held out"][2] == 8, sources
    run.reports(r"harmlessness, held out, labels: authored", r"helpfulness, held out, labels: human", r"red-team/strongreject\.csv",
                r"matheducators\.stackexchange/Posts\.xml")


def several_turns(folder):
    """Prompts that are conversations: cut from hh-rlhf before their last answer, and some no context can hold."""
    prompts = []
    for number, row in enumerate(hh_rows()):
        before, _, _ = row["chosen"].rpartition("\n\nAssistant:")
        if len(turns(before)) >= 3 and len(before) < 900 and turns(before)[-1] == "Human":
            prompts.append({"id": f"hh-{number}", "prompt": before, "split": "held_out" if len(prompts) % 4 == 0 else "train"})
    long = [{"id": f"long-{k}", "prompt": f"\n\nHuman: Read this {k}.\n\nAssistant: Yes.\n\nHuman: " + "word " * 2000, "split": split}
            for k, split in enumerate(["train"] * 3 + ["held_out"] * 3)]
    file = folder / "conversations.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in prompts[:16] + long))
    run = Run(folder, {"red_team": file}, sl_generate__red_team_prompts=15, label__comparisons=15, eval__prompts=14,
              firewall__held_out_prompts=8, rl__updates=6)
    chains = run.payloads("sl_generate", "sl_chain")
    assert len(chains) == 15 and all(len(turns(w["prompt"])) >= 3 for w in chains)
    gave_up = run.gave_up()
    assert gave_up and all("long-" in prompt for _, _, prompt, _ in gave_up), gave_up
    assert all(re.search("context|expected at most 512", reason) for _, _, _, reason in gave_up), gave_up
    counted = {}
    for stage, kind, _, _ in gave_up:
        counted[stage] = counted.get(stage, 0) + 1
    assert counted["sl_generate"] == 3 and counted["label"] == 3 and counted["eval_generate"] == 9, counted
    for stage, count in counted.items():
        assert run.status["phases"][stage]["quarantined"] == count, stage
        run.reports(rf"{stage}: {count} of \d+ work items were given up \([\d.]+ %\), most often \(\d+\): .+ They are missing from every number here")
    # Of 12 rollouts some were given up; what is left fills whole batches of two, and an odd one stays open.
    states = dict(run.query("SELECT state, count(*) FROM work WHERE stage = 'rl' AND kind = 'rollout' GROUP BY state"))
    left = 12 - states["quarantined"]
    assert states["trained"] == left // 2 * 2 and states.get("pending", 0) == left % 2, states
    assert run.status["policy"]["version"] == left // 2, run.status["policy"]


def authored(folder):
    run = Run(folder, {})
    for data, (by_human, _, _) in run.sources().items():
        assert by_human == 0, f"{data} is called human"
    run.reports(r"labels: authored", r"Authored data was written for this project; it is not human preference data")
    assert "labels: human" not in run.page
    assert not re.search(r"\bimproved\b", run.page)


CASES = {"human": human, "red-team": red_team, "turns": several_turns, "authored": authored}


def main():
    case = sys.argv[1]
    for needed in [VOCABULARY] + ([DATA / "hh-rlhf"] if case != "authored" else []):
        if not needed.exists():
            print(f"skipped: {needed} is absent")
            return 77
    with tempfile.TemporaryDirectory(prefix="charter-real-") as name:
        try:
            CASES[case](pathlib.Path(name))
        except (AssertionError, subprocess.SubprocessError) as failure:
            traceback.print_exception(failure, limit=-1)
            return 1
    print(f"{case}: held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
