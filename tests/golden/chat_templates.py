#!/usr/bin/env python3
"""Golden conversations: small chat templates of each form, written for this file, rendered by jinja2.

Usage: PEERS/bin/python tests/golden/chat_templates.py     (PEERS: made by bench/peers/setup.sh)
Writes chat_templates.json beside this script. The environment is the one that transformers'
apply_chat_template renders in, without strftime_now.

Each case: template, and either refused (a part of why it is not detected) or format, default_system
and renderings: messages, with add_generation_prompt, to text.
"""
import json
import pathlib

from jinja2.sandbox import ImmutableSandboxedEnvironment

USER = [{"role": "user", "content": " Hi there\n"}]
TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"},
         {"role": "user", "content": "Bye"}]
SYSTEM = [{"role": "system", "content": " Be brief. "}]
BOS = {"llama3": "<|begin_of_text|>", "mistral": "<s>"}

CHATML_TURNS = """{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}
{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
LLAMA3_TURNS = """{%- for m in messages %}
{{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' + m['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"""
# system_in_last: the condition under which a user turn opens with the system text.
MISTRAL = """{%- if messages[0].role == 'system' %}
{%- set system_message = messages[0].content %}{%- set turns = messages[1:] %}
{%- else %}{%- set turns = messages %}{%- endif %}
{{- bos_token }}
{%- for m in turns %}
{%- if m.role == 'user' %}
{%- if CONDITION and system_message is defined %}
{{- 'OPEN' + system_message + '\\n\\n' + m.content + 'CLOSE' }}
{%- else %}{{- 'OPEN' + m.content + 'CLOSE' }}{%- endif %}
{%- else %}{{- m.content + eos_token }}{%- endif %}
{%- endfor %}"""


def mistral(opening, closing, condition):
    return MISTRAL.replace("OPEN", opening).replace("CLOSE", closing).replace("CONDITION", condition)


def default_system(text):
    return ("{% if messages[0]['role'] != 'system' %}{{ " + text + " }}{% endif %}" + CHATML_TURNS)


DATED = """{{- bos_token }}
{%- if not date_string is defined %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}
{%- set system_message = messages[0]['content'] | trim %}{%- set messages = messages[1:] %}
{%- else %}{%- set system_message = "" %}{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools %}{{- "Environment: ipython\\n" }}{%- endif %}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
""" + LLAMA3_TURNS

CASES = {
    "chatml": (CHATML_TURNS, "chatml"),
    "chatml_default": (default_system("'<|im_start|>system\\nBe kind.<|im_end|>\\n'"), "chatml"),
    "chatml_apostrophe": (
        default_system("\"<|im_start|>system\\nDon't say \\\"no\\\", {user}.<|im_end|>\\n\""), "chatml"),
    "chatml_escaped": (
        default_system(r"'<|im_start|>system\nDon\'t be a \\ or two.\nEver.<|im_end|>\n'"), "chatml"),
    "chatml_raw_text": (
        "{% if messages[0].role != 'system' %}<|im_start|>system\nIt's raw.<|im_end|>\n{% endif %}"
        + CHATML_TURNS, "chatml"),
    "chatml_joined": (default_system("'<|im_start|>system\\n' + 'In two parts.' + '<|im_end|>\\n'"),
                      "chatml"),
    "chatml_variable": (
        "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}"
        "{% set rest = messages[1:] %}{% else %}{% set system = \"It's a variable.\" %}"
        "{% set rest = messages %}{% endif %}{{ '<|im_start|>system\\n' + system + '<|im_end|>\\n' }}"
        + CHATML_TURNS.replace("in messages", "in rest"), "chatml"),
    "chatml_tools": (
        "{%- if tools %}{{- '<|im_start|>system\\n' }}{%- if messages[0].role == 'system' %}"
        "{{- messages[0].content }}{%- endif %}{{- '# Tools<|im_end|>\\n' }}{%- endif %}"
        + default_system("'<|im_start|>system\\nBe kind.<|im_end|>\\n'"), "chatml"),
    "llama3": ("{{- bos_token }}" + LLAMA3_TURNS, "llama3"),
    "llama3_dated": (DATED, "llama3"),
    "llama3_today": (DATED.replace(
        "{%- set date_string = \"26 Jul 2024\" %}",
        "{%- if strftime_now is defined %}{%- set date_string = strftime_now('%d %b %Y') %}"
        "{%- else %}{%- set date_string = \"26 Jul 2024\" %}{%- endif %}"), "llama3"),
    "mistral": (mistral("[INST] ", " [/INST]", "loop.first"), "mistral"),
    "mistral_system_last": (mistral("[INST] ", " [/INST]", "loop.last"), "mistral"),
    "plain": ("{% for m in messages %}{{ '\\n\\nHuman: ' if m.role == 'user' else '\\n\\nAssistant: ' }}"
              "{{ m.content }}{% endfor %}{% if add_generation_prompt %}{{ '\\n\\nAssistant:' }}{% endif %}",
              "plain"),
}
REFUSED = {
    "phi4": ("{% for m in messages %}{{ '<|im_start|>' + m.role + '<|im_sep|>' + m.content + "
             "'<|im_end|>' }}{% endfor %}", "<|im_sep|>"),
    "chatml_without_end": ("{{ '<|im_start|>' + messages[0].content }}", "without <|im_end|>"),
    "chatml_after_bos": ("{{ bos_token }}" + CHATML_TURNS, "bos_token"),
    "chatml_trimmed": (CHATML_TURNS.replace("m['content']", "m['content'] | trim"), "trimmed"),
    "chatml_own_opening": (default_system("'<|im_start|>system\\nToday is ' + today + '<|im_end|>'"),
                           "begins with a text of its own"),
    "llama3_without_eot": ("{{ '<|start_header_id|>' + role + '<|end_header_id|>' + c | trim }}",
                           "without <|end_header_id|> and <|eot_id|>"),
    "llama3_untrimmed": (LLAMA3_TURNS.replace(" | trim", ""), "without trimmed"),
    "llama3_undated": (DATED.replace("\"26 Jul 2024\"", "today()"), "dated"),
    "nemo": (mistral("[INST]", "[/INST]", "loop.last"), "[INST] without a space"),
    "llama2": (mistral("[INST] <<SYS>>", " [/INST]", "loop.first"), "<<SYS>>"),
    "system_prompt": ("[SYSTEM_PROMPT]{{ s }}[/SYSTEM_PROMPT]" + mistral("[INST] ", " [/INST]", "loop.first"),
                      "[SYSTEM_PROMPT]"),
    "gemma": ("{{ '<start_of_turn>' + role }}", "unknown chat template"),
}


def conversations(chat_format):
    for messages in (USER, TURNS) if chat_format != "mistral" else (USER, TURNS, TURNS[:1]):
        yield messages
        if chat_format != "plain":
            yield SYSTEM + messages


def main():
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    out = []
    for name, (template, chat_format) in CASES.items():
        compiled = environment.from_string(template)
        renderings = []
        for messages in conversations(chat_format):
            for generate in (False, True):
                text = compiled.render(messages=messages, add_generation_prompt=generate,
                                       bos_token=BOS.get(chat_format, ""), eos_token="</s>")
                renderings.append({"messages": messages, "generate": generate, "text": text})
        out.append({"name": name, "template": template, "format": chat_format,
                    "renderings": renderings})
    for name, (template, why) in REFUSED.items():
        out.append({"name": name, "template": template, "refused": why})
    target = pathlib.Path(__file__).with_name("chat_templates.json")
    target.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
