#!/usr/bin/env python3
"""Golden renderings of the built-in chat formats by jinja2, from the templates in model/chat_format.cpp.

Usage: PEERS/bin/python tests/golden/chat_formats.py     (PEERS: made by bench/peers/setup.sh)
Writes chat_formats.json beside this script: for each format and form of the vocabulary its template and renderings,
messages and add_generation_prompt to "text", or to "error": true where the template raises.
"""
import json
import pathlib
import re

from jinja_environment import environment

USER = [{"role": "user", "content": " Hi there\n"}]
TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": " Yo "}, {"role": "user", "content": "Bye"}]
SYSTEM = [{"role": "system", "content": " Be brief. "}]
CONVERSATIONS = [USER, TURNS, TURNS[:2], SYSTEM + USER, SYSTEM + TURNS, [{"role": "user", "content": ""}], SYSTEM,
                 USER + SYSTEM, [{"role": "tool", "content": "x"}]]


def templates():
    source = (pathlib.Path(__file__).parents[2] / "model/chat_format.cpp").read_text()
    parts = dict(re.findall(r'constexpr std::string_view (k\w+) = R"\((.*?)\)";', source, re.DOTALL))
    mistral = parts["kRoles"] + parts["kMistral"]
    return {
        "chatml": parts["kRoles"] + parts["kChatMl"], "llama3": parts["kRoles"] + parts["kLlama3"],
        "mistral": mistral.replace("CLOSE", " ").replace("OPEN", ""),
        "mistral with [INST] tokens": mistral.replace("CLOSE", "").replace("OPEN", " "),
        "plain": parts["kRoles"] + parts["kPlain"],
        "plain after <s>": parts["kRoles"] + "{{- '<s>' -}}\n" + parts["kPlain"],
    }


def rendering(compiled, messages, generate):
    case = {"messages": messages, "generate": generate}
    try:
        case["text"] = compiled.render(messages=messages, add_generation_prompt=generate, tools=None, documents=None)
    except Exception:  # raise_exception
        case["error"] = True
    return case


def main():
    env = environment()
    out = []
    for name, template in templates().items():
        compiled = env.from_string(template)
        out.append({"name": name, "template": template,
                    "renderings": [rendering(compiled, m, g) for m in CONVERSATIONS for g in (False, True)]})
    target = pathlib.Path(__file__).with_name("chat_formats.json")
    target.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
