#!/usr/bin/env python3
"""Golden renderings of small templates, one for each construct of the language, by jinja2.

Usage: PEERS/bin/python tests/golden/jinja_constructs.py     (PEERS: made by bench/peers/setup.sh)
Writes jinja_constructs.json beside this script: a list of {group, template, variables} with "text", or
with "error": true where jinja2 refuses. The environment is that of transformers' apply_chat_template
(jinja_environment.py); strftime_now tells 2026-07-04 09:05:06.

UNSUPPORTED are templates that jinja2 renders and we refuse by name; each has the part of the message
that names it.
"""
import json
import pathlib

from jinja_environment import environment

VARIABLES = {
    "n": 7, "x": 2.5, "yes": True, "no": False, "nothing": None, "text": "  Hello, World  ", "word": "naïve Straße ΣΟΦΟΣ",
    "empty": "", "list": [3, 1, 2], "words": ["b", "A", "c", "a"], "nested": [[1, 2], [3, 4]],
    "dict": {"b": 1, "a": "two", "items": [5]}, "deep": {"a": {"b": [{"c": "deep"}]}},
    "rows": [{"role": "user", "n": 2, "tags": {"k": "v"}}, {"role": "tool", "n": 1}, {"role": "user", "n": 3, "x": None}],
    "json": {"s": "ü\"\\/<&'>\n\t\u0001\u007f😀", "i": 1, "f": 1.0, "e": 1e22, "t": True, "z": None, "l": [], "d": {}, "m": [1, {"a": [2]}]},
    "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}],
}

GROUPS = {
    "white space": [
        "a\n{% if yes %}\nb\n{% endif %}\nc\n", "  {% if yes %}\n  b\n  {% endif %}\n  c", "a {%- if yes -%}  b  {%- endif -%} c",
        "a  {%+ if yes %} b {% endif +%}\nc", "{{- text -}}  \n x", "a {{- n }}\n\n{{ n -}} \n b", "{{ n }}\n{{ n }}\n", "  {{ n }}\n",
        "a{# c #}b", "a\n  {# c #}\nb", "a {#- c -#} b", "a {#+ c #}\n b", "{%- set a = 1 -%}\n\n x", "\t{%- if yes %}\tx\t{%- endif %}\n",
        "a\r\nb\rc\n\n", "{% for i in list %}\n  {{ i }}\n{% endfor %}\n", "{% for i in list -%}\n  {{ i }}\n{%- endfor %}\n",
        "{% if yes %}{% if yes %}\n  x\n  {% endif %}{% endif %}", "a\u00a0{%- if yes %}\u3000b{% endif %}", "\n\n{% if yes %}\n\nx\n{% endif %}\n\n",
        "x{% if yes %}  \ny{% endif %}", "{{ '{{' }}{{ '%}' }}", "{% if yes -%}\n\n\n x{% endif %}", "{{ n }}  {% set a = 1 %}  y", "x\n    {%- set a = 1 %}\n    y",
        "{% raw %}{{ n }} {% if %}{% endraw %}x", "a  {%- raw -%}  {{ b }}  {%- endraw -%}  c", "{% raw %}\n x\n  {% endraw %}\ny", "{%- raw %}a{% endraw -%}\n b",
    ],
    "literals": [
        "{{ 'a' 'b' \"c\" }}", "{{ 'it''s' }}", r"{{ 'a\n\t\\\'\"\x41\u00e9\U0001F600\101\q' }}", "{{ 'line\nend' }}", "{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1e3 }} {{ 1.50 }} {{ 2.5e-7 }}",
        "{{ true }} {{ True }} {{ false }} {{ none }} {{ None }}", "{{ [1, 'a', none, true, 1.0, [2], {'k': 'v'}] }}", "{{ (1,) }} {{ (1, 2) }} {{ () }} {{ 1, 2 }}", "{{ {'a': 1, 2: 'b', 'c': {'d': []}} }}",
        "{{ [1, 2,] }}{{ {'a': 1,} }}", "{{ {'a': {'b': 1}}}}", "{{ \"it's\" }} {{ [\"it's\", 'q\"', 'both\\'\"', 'tab\\t', 'ü', '\u200b'] }}", "{{ 'ü'.upper() }}", "{{ 1e16 }} {{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }} {{ 123456789.123 }} {{ 1e100 }} {{ -0.0 }} {{ 0.1 + 0.2 }}",
        "{{ 9223372036854775807 }}",
    ],
    "operators": [
        "{{ 1 + 2 * 3 - 4 }} {{ 7 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** 3 ** 2 }} {{ 2 ** -1 }}", "{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }} {{ 1 / 4 }} {{ 4 / 2 }} {{ 2.0 ** 3 }}",
        "{{ -n }} {{ +n }} {{ - -n }} {{ -x|abs }} {{ -n ** 2 }} {{ (-n) ** 2 }} {{ -(2 ** 2) }}", "{{ 'a' + 'b' }} {{ [1] + [2] }} {{ (1,) + (2,) }} {{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ [0] * 2 }} {{ 'a' * -1 }}", "{{ 'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1] ~ missing }}",
        "{{ 1 ~ 2 ~ 3 }}", "{{ true + 1 }} {{ true == 1 }} {{ 1 == 1.0 }} {{ '1' == 1 }} {{ none == false }} {{ [1, 2] == [1, 2] }} {{ (1,) == [1] }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }}",
        "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 <= 1 >= 1 }} {{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ 'é' > 'z' }} {{ '𐀀' > '\uffff' }} {{ [1, 2] < [1, 3] }} {{ [1] < [1, 0] }} {{ 1 < 2 and 2 > 1 or no }}",
        "{{ 'el' in text }} {{ 'xx' not in text }} {{ '' in '' }} {{ 1 in list }} {{ 'a' in dict }} {{ 2 not in (1, 2) }} {{ 'k' in rows[0].tags }} {{ missing in list }} {{ 1 in missing }}",
        "{{ yes and n }} {{ no and n }} {{ '' or 'd' }} {{ nothing or no }} {{ not n }} {{ not '' }} {{ not not n }}", "{{ not yes == no }} {{ not 1 in list }} {{ 1 if yes else 2 }} {{ 1 if no else 2 }} {{ 1 if no }}|{{ 1 if no else 2 if no else 3 }}",
        "{{ (1 if yes else 2) + 1 }} {{ 'a' if n > 5 and x < 3 else 'b' }}", "{{ missing == missing }} {{ missing == none }} {{ missing != 'a' }} {{ not missing }}", "{{ [1, 2][0] + {'a': 3}['a'] }}", "{{ (5 % 2 == 0) != yes }}",
    ],
    "errors of operators": [
        "{{ 'a' + 1 }}", "{{ 1 + none }}", "{{ missing + 'a' }}", "{{ 'a' + missing }}", "{{ 1 < 'a' }}", "{{ none < 1 }}", "{{ missing < 1 }}", "{{ 1 / 0 }}", "{{ 1 % 0 }}", "{{ 1 // 0.0 }}", "{{ -missing }}", "{{ -'a' }}",
        "{{ [1] + (2,) }}", "{{ {} + {} }}", "{{ 1 in 'a1' }}", "{{ 'a' in none }}", "{{ 'a' in 1 }}", "{{ [] in {} }}", "{{ {[]: 1} }}", "{{ 'a' - 'b' }}", "{{ 'a' * 'b' }}", "{{ dict < dict }}", "{{ 0 ** -1 }}",
    ],
    "subscripts": [
        "{{ list[0] }} {{ list[-1] }} {{ list[9] }} {{ list['a'] }} {{ text[2] }} {{ word[2] }} {{ word[-1] }} {{ dict['a'] }} {{ dict['zz'] }} {{ dict.a }} {{ dict.zz }}", "{{ deep.a.b[0].c }} {{ deep['a']['b'][0]['c'] }} {{ deep.a.b.0.c }} {{ nested.1.0 }} {{ nested[1][0] }}",
        "{{ list[1:] }} {{ list[:1] }} {{ list[::-1] }} {{ list[:] }} {{ list[-2:] }} {{ list[5:] }} {{ list[:-5] }} {{ list[::2] }} {{ list[2:0:-1] }} {{ list[-9:9] }} {{ list[9::-1] }} {{ list[-9::-1] }}", "{{ word[::-1] }} {{ word[1:3] }} {{ word[-3:] }} {{ word[4:1:-2] }} {{ 'abc'[n:] }} {{ (1, 2, 3)[1:] }} {{ 'abc'[none:none] }}",
        "{{ messages[1:][0].content }} {{ (messages|length) - 1 }} {{ messages[messages|length - 1]['content'] }}", "{{ nothing.a }}|{{ nothing['a'] }}|{{ n.a }}|{{ n[0] }}|{{ text.a }}|{{ list.a }}|{{ missing }}", "{{ dict['items'] }} {{ dict['b'] }} {{ dict.get('items') }}", "{{ {'a': 1}['a'] }} {{ {1: 'b'}[1] }} {{ {1: 'b'}[true] }} {{ 'abc'[true] }} {{ [1, 2][true] }}",
        "{{ rows[0].tags.k }} {{ rows[1].tags is defined }} {{ rows[2].x.y is defined }}", "{{ ''.__class__ }}{{ list.append is defined }}{{ list.append }}",
    ],
    "errors of subscripts": ["{{ missing.a }}", "{{ missing['a'] }}", "{{ dict.zz.a }}", "{{ nothing.a.b }}", "{{ list[9].a }}", "{{ missing() }}", "{{ n() }}", "{{ dict.zz() }}", "{{ text.a() }}", "{{ list['a':] }}", "{{ list[::0] }}", "{{ missing[0:1] }}", "{{ dict.b.c.d is defined }}", "{{ missing[0:1] is defined }}", "{{ rows[1].tags.k is defined }}"],
    "undefined": ["{{ missing }}|{{ missing|length }}|{{ missing|list }}|{{ missing|trim }}|{{ missing|upper }}|{{ missing|default('d') }}|{{ missing|join(',') }}|{{ missing|string }}", "{% for i in missing %}x{% else %}none{% endfor %}", "{{ missing is defined }} {{ missing is undefined }} {{ missing is none }} {{ missing is string }} {{ missing is iterable }} {{ missing is sequence }} {{ missing is mapping }} {{ missing is number }}", "{{ [missing] }}", "{% if missing %}a{% else %}b{% endif %}", "{{ missing|first }}|{{ empty|first }}|{{ []|last }}|{{ []|min }}", "{{ missing|replace('a', 'b') }}|{{ missing|items|list }}"],
    "errors of undefined": ["{{ missing|tojson }}", "{{ missing|int }}", "{{ missing|abs }}", "{{ missing|dictsort }}", "{{ missing.x|default('d') }}", "{{ []|first + 'a' }}", "{{ (1 if no).a }}"],
    "if": ["{% if no %}a{% elif nothing %}b{% elif n == 7 %}c{% else %}d{% endif %}", "{% if [] %}a{% endif %}{% if {} %}b{% endif %}{% if '' %}c{% endif %}{% if 0 %}d{% endif %}{% if 0.0 %}e{% endif %}{% if ' ' %}f{% endif %}", "{% if yes %}{% if no %}a{% else %}b{% endif %}{% else %}c{% endif %}", "{% if n > 5 and not no or missing %}y{% endif %}", "{% set a = 1 %}{% if yes %}{% set a = 2 %}{% endif %}{{ a }}", "{% if (n == 7) %}y{% endif %}", "{% if n is defined and n %}y{% endif %}"],
    "for": [
        "{% for i in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }};{% endfor %}", "{% for k, v in dict.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in dict %}{{ k }}{% endfor %}{% for c in 'aé😀' %}[{{ c }}]{% endfor %}", "{% for a, b in nested %}{{ a }}{{ b }}{% endfor %}{% for (a, b) in nested %}{{ b }}{% endfor %}",
        "{% for r in rows if r.role == 'user' %}{{ loop.index }}/{{ loop.length }}{{ r.n }}{{ loop.last }}{% endfor %}", "{% for r in rows if no %}a{% else %}b{% endfor %}", "{% for i in [] %}a{% else %}b{% endfor %}", "{% for i in list %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "{% for i in list %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% else %}none{% endfor %}",
        "{% for i in range(3) %}{% for j in range(i) %}{{ loop.index }}{{ i }}{{ loop.depth0 }} {% endfor %}{{ loop.index }}{% endfor %}", "{% for i in list %}{{ loop.previtem|default('-') }}{{ loop.nextitem|default('-') }}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for i in list|sort %}{{ i }}{% endfor %}{% for i in (1, 2) + (3,) %}{{ i }}{% endfor %}{% for i in 1, 2 %}{{ i }}{% endfor %}",
        "{% set a = 0 %}{% for i in list %}{{ a }}{% set a = i %}{{ a }}{% endfor %}{{ a }}", "{% for i in list %}{% endfor %}{{ i }}", "{% for message in messages[1:] %}{{ message.role }}{% endfor %}", "{% for x in words if x|lower == x %}{{ x }}{% endfor %}", "{% for i in list if loop is defined %}{{ i }}{% endfor %}", "{% for i in nested for_ %}{% endfor %}", "{% for m in messages %}{% if not loop.first and messages[loop.index0 - 1].role == 'user' %}{{ m.role }}{% endif %}{% endfor %}",
        "{% for i in list %}{% for i in 'ab' %}{{ i }}{% endfor %}{{ i }}{% endfor %}", "{% for i in dict.keys() %}{{ i }}{% endfor %}{% for i in dict.values() %}{{ i }}{% endfor %}", "{% for x in list %}{% if loop.index is even %}{{ x }}{% endif %}{% endfor %}", "{% for i in rows if i.n > 1 if yes %}{% endfor %}",
    ],
    "errors of for": ["{% for i in none %}{% endfor %}", "{% for i in 3 %}{% endfor %}", "{% for a, b in list %}{% endfor %}", "{% for a, b in ['abc'] %}{% endfor %}", "{% for a in x %}{% endfor %}", "{% for i in list %}", "{% endfor %}", "{% for in list %}{% endfor %}", "{% break %}", "{% for i in range(200000) %}{% endfor %}", "{% for i in list %}{{ loop.foo.bar }}{% endfor %}"],
    "set": [
        "{% set a = 1 %}{% set b = a + 1 %}{{ a }}{{ b }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = 'xy' %}{{ a }}{{ b }}", "{% set (a, b) = [1, 2] %}{{ a }}{{ b }}", "{% set a %}x{{ n }}\n y{% endset %}[{{ a }}]", "{% set a | upper | trim %} x {% endset %}[{{ a }}]", "{% set ns = namespace(a=1, b='x') %}{% for i in list %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}",
        "{% set ns = namespace() %}{% set ns.x = [] %}{% for i in list %}{% set ns.x = ns.x + [i] %}{% endfor %}{{ ns.x }}", "{% set ns = namespace({'a': 1}) %}{{ ns.a }}{{ ns['a'] }}{{ ns.b is defined }}", "{% set x = x if x is defined else 1 %}{{ x }}", "{% set messages = messages[1:] %}{{ messages|length }}", "{% set a %}{% set b = 1 %}{{ b }}{% endset %}{{ a }}{{ b }}", "{% set a = 1, 2 %}{{ a }}", "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a }}", "{% set n = 1 %}{% if no %}{% set n = 2 %}{% endif %}{{ n }}",
        "{% set ns = namespace(found=false) %}{% for i in list %}{% if i == 1 %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}",
    ],
    "errors of set": ["{% set a.b = 1 %}", "{% set dict.b = 1 %}", "{% set a, b = 1 %}", "{% set a, b = [1] %}", "{% set ns = namespace() %}{% set ns._a = 1 %}", "{% set ns = namespace(_a=1) %}", "{% set a = %}", "{% set true = 1 %}", "{% set a %}"],
    "macro": [
        "{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, 3) }}|{{ m(c='z', a=0) }}|{{ m() }}", "{% macro m(a) %}\n  {{ a }}\n{% endmacro %}[{{ m('x') }}]", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, k=3) }}", "{% macro m(x) %}{% if x > 0 %}{{ x }}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "{% set a = 1 %}{% macro m() %}{{ a }}{% endmacro %}{% set a = 2 %}{{ m() }}",
        "{% macro m() %}{% set a = 5 %}{{ a }}{% endmacro %}{{ m() }}{{ a }}", "{% macro m(a) %}<{{ caller() }}{{ a }}>{% endmacro %}{% call m(1) %}body{{ n }}{% endcall %}", "{% macro m() %}{% for i in list %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(i) m() %}[{{ i }}]{% endcall %}", "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}", "{% macro outer() %}{% macro inner(x) %}({{ x }}){% endmacro %}{{ inner(1) }}{% endmacro %}{{ outer() }}", "{% macro m(a) -%}\n {{ a }}\n{%- endmacro %}{{ m('x')|upper }}{{ m('x') ~ 'y' }}{{ m('x') == 'x' }}",
        "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(n) }}", "{% macro m(ns) %}{% set ns.a = 1 %}{% endmacro %}{% set ns = namespace(a=0) %}{{ m(ns) }}{{ ns.a }}", "{% for i in list %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}",
    ],
    "errors of macro": ["{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(b=1) }}", "{% macro m(a) %}{% endmacro %}{{ m(1, a=1) }}", "{% macro m(a=1, b) %}{% endmacro %}", "{% macro m() %}{% endmacro %}{% call m() %}x{% endcall %}", "{% call n() %}{% endcall %}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% call n %}{% endcall %}"],
    "filters of text": [
        "[{{ text|trim }}] [{{ 'xxaxx'|trim('x') }}] {{ text|upper }} {{ word|upper }} {{ word|lower }} {{ word|capitalize }} {{ 'a-b (c) [d] {e} <f> it\\'s'|title }} {{ 'HELLO wORLD'|title }}", "{{ 'aXbXc'|replace('X', '-') }} {{ 'aaa'|replace('a', 'b', 2) }} {{ 123|replace('2', 'x') }} {{ 'ab'|replace('', '-') }}",
        "{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2) }}|{{ 'a\nb'|indent(2, true) }}|{{ 'a\n\nb'|indent(2, blank=true) }}|{{ 'a\nb\n'|indent(width=1) }}|{{ 'a\nb'|indent('> ') }}|{{ 'a\nb'|indent(first=True) }}|{{ ''|indent(2, true) }}", "{{ '42'|int }} {{ ' 42 '|int }} {{ 'x'|int }} {{ 'x'|int(5) }} {{ '3.9'|int }} {{ 3.9|int }} {{ -3.9|int }} {{ 'ff'|int(base=16) }} {{ true|int }} {{ none|int }} {{ '1_000'|int }}", "{{ '1.5'|float }} {{ 'x'|float }} {{ 2|float }} {{ 'x'|float(1.5) }} {{ '1e3'|float }}",
        "{{ 2.5|round }} {{ 3.5|round }} {{ 2.567|round(2) }} {{ 2.1|round(method='ceil') }} {{ 2.9|round(0, 'floor') }} {{ 7|round }} {{ 2.675|round(2) }}", "{{ -3|abs }} {{ -2.5|abs }} {{ n|string }} {{ none|string }} {{ [1]|string }} {{ 'a b,c'|wordcount }} {{ word|length }} {{ 'aé😀'|count }}", "{{ '<a>'|safe }} {{ '<a>'|safe ~ '<b>' }} {{ ('<a>'|safe) + '<b>' }} {{ '<b>' + ('<a>'|safe) }} {{ ['<a>'|safe, '<b>']|join }} {{ ('<a>'|safe)|upper }}", "{{ missing|default('d') }} {{ ''|default('d') }} {{ ''|default('d', true) }} {{ none|default('d') }} {{ none|d('d', boolean=true) }} {{ missing|default }}|", "{% filter upper|trim %} a{{ n }}b {% endfilter %}", "{{ text|trim|upper|replace('H', 'J')|length }}", "{{ 'ß'|upper }} {{ 'ǅ'|lower }} {{ 'éa'|capitalize }} {{ 'İ'|upper }}",
    ],
    "filters of sequences": [
        "{{ list|join }} {{ list|join(', ') }} {{ rows|join(',', attribute='role') }} {{ 'abc'|join('-') }} {{ [1, none, 'a', 1.5]|join(',') }} {{ dict|join(',') }}", "{{ list|first }} {{ list|last }} {{ list|length }} {{ list|count }} {{ dict|length }} {{ 'abc'|first }} {{ 'abc'|last }} {{ dict|first }} {{ range(4)|last }}", "{{ list|sort }} {{ words|sort }} {{ words|sort(case_sensitive=true) }} {{ words|sort(reverse=true) }} {{ rows|sort(attribute='n')|map(attribute='n')|list }} {{ [[2, 'a'], [1, 'b']]|sort }}",
        "{{ list|reverse|list }} {{ 'aé😀'|reverse }} {{ list|max }} {{ list|min }} {{ words|max }} {{ words|min }} {{ rows|max(attribute='n') }} {{ list|sum }} {{ rows|sum(attribute='n') }} {{ [[1], [2]]|sum(start=[]) }}", "{{ rows|map(attribute='role')|list }} {{ words|map('upper')|list }} {{ rows|map(attribute='x', default='-')|list }} {{ rows|map(attribute='tags.k', default='?')|list if no else 1 }} {{ ['a b', 'c']|map('replace', ' ', '_')|join('|') }} {{ none|map('upper')|list }}",
        "{{ rows|selectattr('role', 'equalto', 'user')|list|length }} {{ rows|selectattr('tags')|list|length }} {{ rows|rejectattr('role', 'eq', 'user')|map(attribute='n')|list }} {{ rows|selectattr('n', '>', 1)|map(attribute='n')|list }} {{ rows|selectattr('x', 'defined')|list|length }} {{ rows|selectattr('role', 'in', ['tool'])|list|length }} {{ none|selectattr('a')|list }}", "{{ list|select('odd')|list }} {{ list|reject('odd')|list }} {{ [0, 1, '', 'a']|select|list }} {{ list|select('gt', 1)|list }} {{ dict.keys()|reject('in', ['a'])|list }} {{ list|select('divisibleby', 3)|list }}",
        "{{ dict|items|list }} {{ dict.items()|list }} {{ dict|dictsort }} {{ dict|dictsort(reverse=true)|first }} {{ {'b': 1, 'A': 2}|dictsort }} {{ {'b': 1, 'A': 2}|dictsort(true) }} {{ {'b': 2, 'a': 1}|dictsort(by='value') }}", "{{ ['a', 'A', 'b', 'a']|unique|list }} {{ [1, 2, 1]|unique|list }} {{ ['a', 'A']|unique(true)|list }} {{ list|batch(2)|list }} {{ list|batch(2, 0)|list }} {{ 'abc'|list }} {{ dict|list }} {{ (1, 2)|list }} {{ range(3)|list }}", "{% set it = rows|selectattr('role', 'equalto', 'user') %}{{ it|first is defined }}{{ it|list|length }}{{ it|list|length }}{{ 'truthy' if it }}", "{% for i in rows|map(attribute='n') %}{{ i }}{{ loop.last }}{% endfor %}", "{{ (words|map('lower')|list)[0] }}{{ (text.split(',')|last).lstrip() }}{{ (text|trim).split(',')[0] }}", "{{ rows|map(attribute='role')|unique|sort|join(',') }}", "{{ (rows|map(attribute='n'))[0] is defined }}",
    ],
    "errors of filters": ["{{ n|length }}", "{{ none|join(',') }}", "{{ 3|first }}", "{{ rows|map(attribute='n')|length }}", "{{ rows|map(attribute='n')|last }}", "{{ ['a', 1]|sort }}", "{{ none|list }}", "{{ 'a'|abs }}", "{{ none|items|list }}", "{{ list|dictsort }}", "{{ list|selectattr('a', 'nosuchtest')|list }}", "{{ list|nosuchfilter }}", "{{ list|map('nosuchfilter')|list }}", "{{ 'a'|trim(1, 2) }}", "{{ 'a'|upper('x') }}", "{{ list|join(',', foo=1) }}", "{{ list|batch }}", "{{ ['a', 1]|max }}", "{{ 'a'|round }}"],
    "tojson": ["{{ json|tojson }}", "{{ json|tojson(indent=2) }}", "{{ json|tojson(ensure_ascii=true) }}", "{{ json|tojson(true, 1) }}", "{{ json|tojson(separators=(',', ':')) }}", "{{ {'b': 1, 'a': [1, 2]}|tojson(sort_keys=true) }}", "{{ [1, (2, 3), 'x', 1.5, true, none]|tojson }} {{ 'ü<&>'|tojson }} {{ 5|tojson }} {{ none|tojson }} {{ {1: 2, true: 3, none: 4, 1.5: 5}|tojson }}", "{{ []|tojson(indent=4) }}{{ {}|tojson(indent=4) }}{{ [[]]|tojson(indent=4) }}", "{{ {'a': [1]}|tojson(indent='--') }}", "{{ json|tojson(indent=0) }}", "{{ json|tojson(indent=none) }}", "{{ '\u2028😀'|tojson(ensure_ascii=true) }}", "{{ (json|tojson|safe) ~ '<' }}", "{{ 1e400|tojson if no else 'n' }}"],
    "errors of tojson": ["{{ dict.items()|tojson }}", "{{ rows|map(attribute='n')|tojson }}", "{{ namespace()|tojson }}", "{{ {(1, 2): 3}|tojson }}", "{{ range(2)|tojson }}"],
    "tests": [
        "{{ n is defined }} {{ n is number }} {{ n is integer }} {{ n is float }} {{ x is float }} {{ x is number }} {{ yes is number }} {{ yes is integer }} {{ yes is boolean }} {{ n is boolean }} {{ yes is true }} {{ no is false }} {{ n is true }} {{ nothing is none }} {{ nothing is not none }}", "{{ text is string }} {{ list is string }} {{ dict is mapping }} {{ list is mapping }} {{ list is iterable }} {{ text is iterable }} {{ dict is iterable }} {{ n is iterable }} {{ list is sequence }} {{ dict is sequence }} {{ text is sequence }} {{ n is sequence }} {{ nothing is iterable }} {{ dict.items() is sequence }} {{ range(2) is sequence }} {{ (1,) is sequence }} {{ rows|map(attribute='n') is sequence }} {{ rows|map(attribute='n') is iterable }}",
        "{{ 3 is odd }} {{ 3 is even }} {{ 4 is divisibleby 2 }} {{ 4 is divisibleby(3) }} {{ n is eq 7 }} {{ n is equalto(7) }} {{ n is ne 7 }} {{ n is gt 5 }} {{ n is lt(5) }} {{ n is ge 7 }} {{ n is le 7 }} {{ n is in [7] }} {{ 'a' is in 'abc' }} {{ 'a' is not in dict }} {{ 'abc' is lower }} {{ 'ABC' is upper }} {{ '1' is upper }} {{ n is sameas n }} {{ none is sameas none }} {{ namespace is callable }} {{ n is callable }}", "{{ missing is not defined }} {{ n is not defined }} {{ not n is defined }} {{ n is defined and x is defined }} {{ n is string or x is float }} {{ 1 if n is defined else 2 }} {{ n is defined == yes }}", "{{ dict.a is defined and dict.a is string }} {{ dict.zz is not defined }} {{ '' is none }} {{ -1 is number }} {{ n + 1 is odd }} {{ list|length is eq 3 }}", "{{ 'a' is string is defined }}",
    ],
    "errors of tests": ["{{ n is nosuchtest }}", "{{ 'a' is odd }}", "{{ n is divisibleby 0 }}", "{{ n is eq }}", "{{ n is in 5 }}", "{{ n is gt 'a' }}", "{{ n is }}"],
    "methods of text": [
        "[{{ text.strip() }}] [{{ text.lstrip() }}] [{{ text.rstrip() }}] {{ 'xyaxy'.strip('xy') }} {{ '\\n\\na\\n'.lstrip('\\n').rstrip('\\n') }} {{ 'éaé'.strip('é') }} {{ '\u00a0\u3000a\u2028'.strip() }}", "{{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ '  a  b '.split() }} {{ ' a b  c '.split(none, 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b c '.rsplit(none, 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'abc'.split('abc') }} {{ 'a</think>b</think>c'.split('</think>')[-1] }} {{ 'aXXbXX'.rsplit('XX') }} {{ 'a,b'.split(sep=',', maxsplit=0) }} {{ 'aaaa'.rsplit('aa', 1) }} {{ ' a b '.rsplit(none, 0) }}",
        "{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith('bc') }} {{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.endswith('') }} {{ ''.startswith('a') }}", "{{ 'aba'.replace('a', 'x') }} {{ 'aba'.replace('a', 'x', 1) }} {{ 'ab'.replace('', '-') }} {{ 'ab'.replace('', '-', 1) }} {{ ''.replace('', 'x') }} {{ 'aaaa'.replace('aa', 'b') }}", "{{ word.upper() }} {{ word.lower() }} {{ 'heLLo wORLD it\\'s 3d'.title() }} {{ 'hELLO'.capitalize() }} {{ 'aBc'.swapcase() }}", "{{ 'hello'.find('l') }} {{ 'hello'.find('z') }} {{ 'hello'.rfind('l') }} {{ 'hello'.index('e') }} {{ 'hello'.count('l') }} {{ 'héllo'.find('l') }} {{ 'hello'.find('l', 3) }} {{ 'hello'.count('') }} {{ 'hello'.find('', 2) }} {{ 'hello'.rfind('') }} {{ 'hello'.find('h', -2) }} {{ 'abab'.rfind('ab', 0, 3) }}",
        "{{ ','.join(words) }} {{ '-'.join('abc') }} {{ ''.join([]) }} {{ ','.join(dict) }}", "{{ 'a{}b{}'.format(1, 'x') }} {{ '{1}{0}'.format('a', 'b') }} {{ '{k}'.format(k=none) }} {{ '{{}}{}'.format(1.0) }}", "{{ '12'.isdigit() }} {{ 'a1'.isalnum() }} {{ 'ab'.isalpha() }} {{ ''.isdigit() }} {{ ' \\n'.isspace() }} {{ 'AB1'.isupper() }} {{ 'ab'.islower() }} {{ 'é'.isalpha() }}", "{{ 'a\nb\r\nc\n'.splitlines() }} {{ 'a\nb'.splitlines(true) }} {{ ''.splitlines() }}", "{{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }} {{ 'abc'.removeprefix('x') }} {{ 'a:b:c'.partition(':') }} {{ 'a:b:c'.rpartition(':') }} {{ 'abc'.partition(':') }} {{ 'abc'.rpartition(':') }}", "{{ '7'.zfill(3) }} {{ '-7'.zfill(3) }} [{{ 'a'.center(4) }}] [{{ 'ab'.center(5, '*') }}] [{{ 'a'.ljust(3) }}] [{{ 'a'.rjust(3, '.') }}]", "{{ text['strip']() }}",
        "{{ 'a'.strip(none) }}{{ text.strip().lower().split(', ')[1].upper() }}",
    ],
    "errors of methods": ["{{ 'a'.nosuch() }}", "{{ 'a'.split('') }}", "{{ 'a'.index('z') }}", "{{ ','.join([1]) }}", "{{ 'a'.startswith(1) }}", "{{ 'a'.replace('a') }}", "{{ 'a'.strip(1) }}", "{{ list.append(1) }}", "{{ list.pop() }}", "{{ dict.update({}) }}", "{{ dict.pop('a') }}", "{{ dict.setdefault('a', 1) }}", "{{ list.sort() }}", "{{ 'a'.upper(1) }}", "{{ '{}'.format() }}", "{{ '{a}'.format(1) }}", "{{ dict.get() }}", "{{ ''.__class__.__mro__ }}", "{{ ''.__class__() }}", "{{ list.index(99) }}", "{{ '{'.format() }}", "{{ 'a'.startswith(['a']) }}"],
    "methods of others": ["{{ dict.get('a') }} {{ dict.get('zz') }} {{ dict.get('zz', 5) }} {{ dict.keys()|list }} {{ dict.values()|list }} {{ dict.items()|list }} {{ dict.keys() }} {{ dict.values() }} {{ dict.items() }} {{ dict.items()|length }} {{ dict.copy() }}", "{{ list.index(1) }} {{ list.count(1) }} {{ (1, 2, 1).count(1) }} {{ (1, 2).index(2) }} {{ list.copy() }}", "{{ 'a' in dict.keys() }} {{ 1 in dict.values() }}", "{{ dict.items is defined }} {{ dict.keys is callable }}"],
    "functions": ["{{ range(3)|list }} {{ range(1, 4)|list }} {{ range(5, 0, -2)|list }} {{ range(0) }} {{ range(3) }} {{ range(1, 7, 2) }} {{ range(3)|length }} {{ range(5)[1] }} {{ range(5)[-1] }} {{ range(5)[1:3] }} {{ range(3)[::-1]|list }}", "{{ dict({'a': 1}) if dict is callable else 'shadowed' }}", "{{ namespace(a=1).a }}", "{{ strftime_now('%Y-%m-%d') }} {{ strftime_now('%d %b %Y') }} {{ strftime_now('%B %-d, %H:%M:%S %A %j') }} {{ strftime_now('') }}|{{ strftime_now is defined }}", "{% if strftime_now is defined %}{{ strftime_now('%d %B') }}{% else %}none{% endif %}"],
    "errors of functions": ["{{ raise_exception('no') }}", "{% if n %}{{ raise_exception('a' ~ n) }}{% endif %}", "{{ range('a') }}", "{{ range() }}", "{{ range(1, 2, 0) }}", "{{ raise_exception() }}", "{{ nosuch('a') }}", "{{ strftime_now() }}"],
    "generation": ["{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}!{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}", "a\n  {% generation %}\n  x\n  {%- endgeneration %}\nb", "{% generation %}{% set a = 1 %}{{ a }}{% endgeneration %}{{ a }}"],
    "errors of syntax": ["{{ }}", "{{ 1 + }}", "{% if %}{% endif %}", "{% if yes %}", "{% endif %}", "{% nosuchtag %}", "{{ 'a }}", "{{ a b }}", "{# x", "{{ n", "{% if yes", "{{ (1, 2 }}", "{{ [1, 2) }}", "{{ {'a' 1} }}", "{{ n. }}", "{{ n| }}", "{% raw %}x", "{% for %}{% endfor %}", "{% if yes %}{% endfor %}", "{{ n ! 2 }}", "{% macro %}{% endmacro %}", "{{ f(a=1, 2) }}", "{% set %}", "{{ 1 = 2 }}", "{% else %}", "{% if yes %}{% else %}{% else %}{% endif %}", "{{ '\\x4' }}", "{%", "{{ $ }}", "{% call %}{% endcall %}", "{{ not }}", "{% generation %}x"],
}
UNSUPPORTED = [
    ("{{ '%s' % n }}", "operator %"), ("{{ list|pprint }}", "pprint"), ("{{ '<'|e }}", "'e'"), ("{% block a %}x{% endblock %}", "block"), ("{{ rows|groupby('role') }}", "groupby"), ("{{ 'a'.encode() }}", "str.encode"),
    ("{% for i in nested recursive %}{{ i }}{% endfor %}", "recursive"), ("{{ range(*[1]) }}", '\\"*\\"'), ("{{ '{:>4}'.format(1) }}", "{:>4}"), ("{{ 2 ** 100 }}", "64 bits"), ("{{ 99999999999999999999 }}", "64 bits"), ("{{ n.bit_length() }}", "int.bit_length"), ("{% for i in list %}{{ loop.changed(i) }}{% endfor %}", "changed"), ("{{ '\\N{EM DASH}' }}", "N"), ("{{ cycler('a') }}", "cycler"), ("{{ joiner(',') }}", "joiner"), ("{{ lipsum() }}", "lipsum"), ("{% autoescape true %}{% endautoescape %}", "autoescape"), ("{{ rows|map(attribute='n') }}", "generator"), ("{{ namespace() }}", "Namespace"),
]


def golden(env, group, template):
    case = {"group": group, "template": template}
    try:
        case["text"] = env.from_string(template).render(**VARIABLES)
    except Exception:  # whatever jinja2 raises: the template's error is an error of ours
        case["error"] = True
    wanted = group.startswith("errors")
    if wanted != ("error" in case) and group not in MIXED:
        raise SystemExit(f"{group}: {template!r} is {case}")
    return case


MIXED = {"for", "tests", "literals"}  # some of their cases are errors of syntax


def main():
    env = environment()
    cases = [golden(env, group, t) for group, templates in GROUPS.items() for t in templates]
    for template, name in UNSUPPORTED:
        env.from_string(template).render(**VARIABLES)
        cases.append({"group": "unsupported", "template": template, "refused": json.loads(f'"{name}"')})
    target = pathlib.Path(__file__).with_name("jinja_constructs.json")
    target.write_text(json.dumps({"variables": VARIABLES, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
