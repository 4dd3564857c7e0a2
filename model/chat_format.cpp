#include "model/chat_format.hpp"

#include <stdexcept>
#include <utility>

#include "model/input_error.hpp"

namespace charter::model {
namespace {

constexpr std::string_view kRoles = R"({%- for message in messages -%}
  {%- if message.role == 'system' and not loop.first -%}
    {{- raise_exception('a system message only as the first') -}}
  {%- elif message.role not in ['system', 'user', 'assistant'] -%}
    {{- raise_exception('role "' ~ message.role ~ '", expected system, user or assistant') -}}
  {%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kChatMl = R"({%- for message in messages -%}
  {{- '<|im_start|>' ~ message.role ~ '\n' ~ message.content ~ '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\n' -}}
{%- endif -%}
)";

constexpr std::string_view kLlama3 = R"({{- '<|begin_of_text|>' -}}
{%- for message in messages -%}
  {{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' -}}
  {{- message.content | trim ~ '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}
{%- endif -%}
)";

// CLOSE and OPEN stand for the spaces that versions 0.2 and 0.3 write at other places.
constexpr std::string_view kMistral = R"({{- '<s>' -}}
{%- set ns = namespace(system='') -%}
{%- for message in messages -%}
  {%- if message.role == 'system' -%}
    {%- set ns.system = message.content ~ '\n\n' -%}
  {%- elif message.role == 'user' -%}
    {{- '[INST] ' ~ ns.system ~ message.content ~ 'CLOSE[/INST]' -}}
    {%- set ns.system = '' -%}
  {%- else -%}
    {{- 'OPEN' ~ message.content ~ '</s>' -}}
  {%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kPlain = R"({%- for message in messages -%}
  {%- if message.role == 'system' -%}
    {{- raise_exception('plain turns have no system message') -}}
  {%- endif -%}
  {{- '\n\nHuman:' if message.role == 'user' else '\n\nAssistant:' -}}
  {%- if message.content -%}
    {{- ' ' ~ message.content -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '\n\nAssistant:' -}}
{%- endif -%}
)";

std::vector<std::string_view> markers(ChatFormat format) {
  switch (format) {
    case ChatFormat::kChatMl:
      return {"<|im_start|>", "<|im_end|>"};
    case ChatFormat::kLlama3:
      return {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"};
    case ChatFormat::kMistral:
      return {"<s>", "</s>"};
    case ChatFormat::kPlain:
      return {};
  }
  return {};
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string mistral_template(const Tokenizer& tokenizer) {
  const auto inst = tokenizer.id_of("[INST]");
  const bool tokens = inst && tokenizer.is_special(*inst);
  const std::string closed = replaced(std::string(kMistral), "CLOSE", tokens ? "" : " ");
  return replaced(closed, "OPEN", tokens ? " " : "");
}

// The token that the model begins texts with, which a template must write itself.
std::string plain_template(const Tokenizer& tokenizer) {
  const auto& first = tokenizer.spec().prepend_id;
  if (!first) return std::string(kPlain);
  return "{{- '" + tokenizer.spec().tokens.at(static_cast<size_t>(*first)) + "' -}}\n" +
         std::string(kPlain);
}

constexpr std::pair<ChatFormat, std::string_view> kNames[] = {{ChatFormat::kChatMl, "chatml"},
                                                              {ChatFormat::kLlama3, "llama3"},
                                                              {ChatFormat::kMistral, "mistral"},
                                                              {ChatFormat::kPlain, "plain"}};

}  // namespace

std::string_view chat_format_name(ChatFormat format) {
  for (const auto& [value, name] : kNames) {
    if (value == format) return name;
  }
  throw std::invalid_argument("format: unknown value");
}

ChatFormat chat_format_from_name(std::string_view wanted) {
  for (const auto& [value, name] : kNames) {
    if (name == wanted) return value;
  }
  throw InputError("chat format \"" + std::string(wanted) +
                   "\": expected chatml, llama3, mistral or plain");
}

std::string format_template(ChatFormat format, const Tokenizer& tokenizer) {
  for (const auto marker : markers(format)) {
    const auto id = tokenizer.id_of(marker);
    if (!id || !tokenizer.is_special(*id))
      throw InputError("chat format " + std::string(chat_format_name(format)) +
                       ": the vocabulary has no special token \"" + std::string(marker) + "\"");
  }
  const std::string roles(kRoles);
  switch (format) {
    case ChatFormat::kChatMl:
      return roles + std::string(kChatMl);
    case ChatFormat::kLlama3:
      return roles + std::string(kLlama3);
    case ChatFormat::kMistral:
      return roles + mistral_template(tokenizer);
    case ChatFormat::kPlain:
      return roles + plain_template(tokenizer);
  }
  return {};
}

std::vector<std::string_view> end_markers(ChatFormat format) {
  switch (format) {
    case ChatFormat::kChatMl:
      return {"<|im_end|>", "<|endoftext|>"};
    case ChatFormat::kLlama3:
      return {"<|eot_id|>", "<|end_of_text|>"};
    case ChatFormat::kMistral:
      return {"</s>"};
    case ChatFormat::kPlain:
      return {"<|endoftext|>"};
  }
  return {};
}

}  // namespace charter::model
