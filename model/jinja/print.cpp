#include "model/jinja/print.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "model/utf8.hpp"

namespace charter::model::jinja {
namespace {

void add_repr(Run& run, Builder& out, const Value& value);

std::string escape_of(char32_t c) {
  char text[16];
  const char* form = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
  std::snprintf(text, sizeof(text), form, static_cast<unsigned>(c));
  return text;
}

void add_repr(Builder& out, const Text& text) {
  const bool single = text.bytes.find('\'') != std::string::npos;
  const char quote = single && text.bytes.find('"') == std::string::npos ? '"' : '\'';
  out.add(std::string(1, quote));
  for (size_t i = 0; i < text.size();) {
    const Utf8Step step = utf8_step(std::string_view(text.bytes).substr(i));
    const char32_t c = step.code;
    std::string shown = text.bytes.substr(i, step.bytes);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      shown = "\\" + shown;
    } else if (c == '\n' || c == '\r' || c == '\t') {
      shown = c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (!is_printable(c)) {
      shown = escape_of(c);
    }
    out.add(shown, text.mark(i));
    i += step.bytes;
  }
  out.add(std::string(1, quote));
}

void add_items(Run& run, Builder& out, const List& list) {
  using Form = List::Form;
  const bool tuple = list.form == Form::kTuple, list_like = list.form != Form::kTuple;
  if (list.form == Form::kKeys) out.add("dict_keys(");
  if (list.form == Form::kValues) out.add("dict_values(");
  if (list.form == Form::kItems) out.add("dict_items(");
  out.add(list_like ? "[" : "(");
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out.add(", ");
    add_repr(run, out, list.items[i]);
  }
  if (tuple && list.items.size() == 1) out.add(",");
  out.add(list_like ? "]" : ")");
  if (list.form != Form::kList && list.form != Form::kTuple) out.add(")");
}

// A range shows its bounds, which its items tell as far as they are needed.
std::string range_of(const List& list) {
  const auto item = [&](size_t i) { return *as<int64_t>(list.items[i]); };
  const size_t n = list.items.size();
  if (n == 0) return "range(0, 0)";
  const int64_t step = n > 1 ? item(1) - item(0) : 1;
  std::string out = "range(" + std::to_string(item(0)) + ", " + std::to_string(item(n - 1) + step);
  if (step != 1) out += ", " + std::to_string(step);
  return out + ")";
}

void add_repr(Run& run, Builder& out, const Value& value) {
  run.step();
  if (const Text* text = as_text(value)) {
    add_repr(out, *text);
  } else if (const List* list = as_list(value); list && list->form != List::Form::kRange) {
    add_items(run, out, *list);
  } else if (const Dict* dict = as_dict(value)) {
    out.add("{");
    for (const auto& [key, of] : dict->items) {
      if (&key != &dict->items.front().first) out.add(", ");
      add_repr(run, out, key);
      out.add(": ");
      add_repr(run, out, of);
    }
    out.add("}");
  } else if (is_undefined(value)) {
    out.add("Undefined");
  } else {
    out.add(to_text(run, value));
  }
}

}  // namespace

std::string repr_of(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  // The shortest digits that read back as the same number, as Python places them.
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  const std::string shortest(buffer, end.ptr);
  const size_t mark = shortest.find('e');
  const int exponent = std::stoi(shortest.substr(mark + 1));
  if (exponent >= -4 && exponent < 16) {
    const auto fixed =
        std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed);
    const std::string out(buffer, fixed.ptr);
    return out.find('.') == std::string::npos ? out + ".0" : out;
  }
  return shortest;
}

Text to_text(Run& run, const Value& value) {
  if (const Text* text = as_text(value)) return *text;
  const auto plain = [](std::string text) { return Text{.bytes = std::move(text), .marks = {}}; };
  if (is_undefined(value)) return {};
  if (is_none(value)) return plain("None");
  if (const auto* flag = as<bool>(value)) return plain(*flag ? "True" : "False");
  if (const auto* integer = as<int64_t>(value)) return plain(std::to_string(*integer));
  if (const auto* real = as<double>(value)) return plain(repr_of(*real));
  const List* list = as_list(value);
  if (list != nullptr && list->form == List::Form::kRange) return plain(range_of(*list));
  if (list == nullptr && as_dict(value) == nullptr) run.refuse(value, "has no text");
  Builder out(run);
  add_repr(run, out, value);
  return out.text();
}

Text escaped(Run& run, const Text& text) {
  if (text.markup) return text;
  Builder out(run);
  for (size_t i = 0; i < text.size(); ++i) {
    constexpr std::string_view kSpecial = "&<>'\"";
    constexpr std::string_view kEntities[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    const size_t special = kSpecial.find(text.bytes[i]);
    out.add(special == std::string_view::npos ? std::string_view(text.bytes).substr(i, 1)
                                              : kEntities[special],
            text.mark(i));
  }
  return out.text();
}

}  // namespace charter::model::jinja
