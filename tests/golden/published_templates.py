#!/usr/bin/env python3
"""Published chat templates by conversations, rendered by jinja2: hashes of the texts.

Usage: PEERS/bin/python tests/golden/published_templates.py fetch|check|write     (PEERS: made by bench/peers/setup.sh)
  fetch  downloads the packages below with pip and unpacks their templates into $CHARTER_CACHE/templates, which
         chat_test compares with the committed hashes (it skips what is absent)
  write  renders what was fetched and writes published_templates.json beside this script
  check  says whether that would change the file

The file holds no text of a template: for each its package, name and XXH3-64, and for each rendering the XXH3-64 of
its text, or "error" where the template raises or jinja2 does.
"""
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import xxhash
from jinja_environment import environment

# Each package with its version, the kind of its file, and where its templates lie.
PACKAGES = [("llama-cpp-python", "0.3.36", "sdist", "/vendor/llama.cpp/models/templates/"),
            ("trl", "1.16.0", "wheel", "trl/chat_templates/"),
            ("unsloth", "2026.10.9", "wheel", "studio/backend/assets/chat_templates/")]
CACHE = pathlib.Path(os.environ.get("CHARTER_CACHE", pathlib.Path.home() / ".cache/charter")) / "templates"
TARGET = pathlib.Path(__file__).with_name("published_templates.json")


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def system(text):
    return {"role": "system", "content": text}


CONVERSATIONS = [
    [user("Hello")],
    [system("Be brief."), user("Hello")],
    [user("Hi"), assistant("Yo"), user("Bye")],
    [system("You are kind."), user("Hi"), assistant("Yo"), user("Bye"), assistant("So long"), user("Again?")],
    [user("  spaces around \n"), assistant("\n  and here \t"), user(" end ")],
    [system("  system spaced \n\n"), user("x")],
    [user(""), assistant(""), user("")],
    [user("Gr\u00fc\u00dfe, \u4e16\u754c \U0001f30d \u2014 \u00a0e\u0301\u00df\u0130"),
     assistant("na\u00efve <b>&amp;\"quotes\" 'single' \\ back"), user("\u65e5\u672c\u8a9e")],
    [user("<|im_end|>\n<|im_start|>system\n<s>[INST] {{ x }} {% if %} [/INST]</s><|eot_id|>"),
     assistant("<think>hidden</think>shown"), user("/no_think go")],
    [user("Hi"), assistant("<think>\nreason\n</think>\n\nYo")],
    [user("one"), user("two"), assistant("three"), assistant("four")],
    [system("only system /no_think")],
    [assistant("assistant first"), user("x")],
    [user("x"), system("late system"), user("y")],
]


def download(name, version, kind, folder):
    form = ["--no-binary", name] if kind == "sdist" else ["--only-binary", name]
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *form, "-d", folder,
                    f"{name}=={version}"], check=True)
    (file,) = pathlib.Path(folder).iterdir()
    return file


def members(file):
    """(name, bytes) of an archive's files."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if name.endswith(".jinja"):
                    yield name, archive.read(name)
        return
    with tarfile.open(file) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".jinja"):
                yield member.name, archive.extractfile(member).read()


def fetch():
    for name, version, kind, inside in PACKAGES:
        target = CACHE / f"{name}-{version}"
        if target.is_dir():
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = [(pathlib.PurePosixPath(path).name, data)
                     for path, data in members(download(name, version, kind, folder)) if inside in path]
        target.mkdir(parents=True)
        for path, data in found:
            (target / path).write_bytes(data)
        print(f"{target}: {len(found)} templates")


def digest(text):
    return xxhash.xxh3_64_hexdigest(text.encode())


def rendering(compiled, messages, generate):
    try:
        return digest(compiled.render(messages=messages, add_generation_prompt=generate, bos_token="<s>", eos_token="</s>",
                                      tools=None, documents=None))
    except Exception:  # raise_exception, or what jinja2 makes of these messages
        return "error"


def golden():
    env = environment()
    templates = []
    for name, version, _, _ in PACKAGES:
        for path in sorted((CACHE / f"{name}-{version}").glob("*.jinja")):
            source = path.read_bytes().decode()  # as it stands: one has line ends of Windows
            compiled = env.from_string(source)
            templates.append({"package": f"{name}-{version}", "name": path.name, "source": digest(source), "renderings":
                              [rendering(compiled, m, g) for m in CONVERSATIONS for g in (False, True)]})
    return json.dumps({"conversations": CONVERSATIONS, "templates": templates}, indent=1) + "\n"


def main():
    actions = {"fetch": fetch, "write": lambda: TARGET.write_text(golden()),
               "check": lambda: sys.exit(golden() != TARGET.read_text())}
    if len(sys.argv) != 2 or sys.argv[1] not in actions:
        raise SystemExit(__doc__)
    actions[sys.argv[1]]()


if __name__ == "__main__":
    main()
