// json.dumps.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "model/jinja/print.hpp"
#include "model/utf8.hpp"

namespace charter::model::jinja {
namespace {

std::string unit(uint32_t code) {
  char text[16];
  std::snprintf(text, sizeof(text), "\\u%04x", code);
  return text;
}

std::string json_character(std::string_view bytes, char32_t c, bool ensure_ascii) {
  constexpr std::string_view kSpecial = "\"\\\n\r\t\f\b", kNames = "\"\\nrtfb";
  const size_t special = c < 0x80 ? kSpecial.find(static_cast<char>(c)) : std::string_view::npos;
  if (special != std::string_view::npos) return std::string("\\") + kNames[special];
  if (c < 0x20 || (ensure_ascii && c >= 0x7f && c < 0x10000)) return unit(c);
  if (c >= 0x10000 && ensure_ascii)
    return unit(0xd800 + ((c - 0x10000) >> 10)) + unit(0xdc00 + ((c - 0x10000) & 0x3ff));
  return std::string(bytes);
}

class Json {
 public:
  Json(Run& run, const JsonStyle& style) : run_(&run), style_(&style), out_(run) {}

  Value of(const Value& value) {
    add(value, 0);
    return out_.value();
  }

 private:
  void add(const Text& text) {
    out_.add("\"");
    for (size_t i = 0; i < text.size();) {
      const Utf8Step step = utf8_step(std::string_view(text.bytes).substr(i));
      const std::string_view bytes = std::string_view(text.bytes).substr(i, step.bytes);
      out_.add(json_character(bytes, step.code, style_->ensure_ascii), text.mark(i));
      i += step.bytes;
    }
    out_.add("\"");
  }

  void add_number(double value) {
    if (std::isnan(value)) {
      out_.add("NaN");
    } else if (std::isinf(value)) {
      out_.add(value < 0 ? "-Infinity" : "Infinity");
    } else {
      out_.add(repr_of(value));
    }
  }

  void new_line(int level) {
    if (!style_->indents) return;
    out_.add("\n");
    for (int i = 0; i < level; ++i) out_.add(style_->indent);
  }

  void add_list(const List& list, int level) {
    if (list.form != List::Form::kList && list.form != List::Form::kTuple)
      run_->refuse(run_->list(list.items, list.form), "is not JSON serializable");
    out_.add("[");
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) out_.add(style_->item_separator);
      new_line(level + 1);
      add(list.items[i], level + 1);
    }
    if (!list.items.empty()) new_line(level);
    out_.add("]");
  }

  // Keys of other types than str become what they are written as.
  void add_key(const Value& key) {
    if (const Text* text = as_text(key)) {
      add(*text);
      return;
    }
    if (as_list(key) != nullptr || is_undefined(key)) run_->refuse(key, "cannot be a key of JSON");
    out_.add("\"");
    add(key, 0);
    out_.add("\"");
  }

  void add_dict(const Dict& dict, int level) {
    std::vector<const std::pair<Value, Value>*> items;
    for (const auto& item : dict.items) items.push_back(&item);
    if (style_->sort_keys) {
      bool ordered = true;
      std::stable_sort(items.begin(), items.end(), [&](const auto* a, const auto* b) {
        bool both = true;
        const bool first = less(a->first, b->first, both);
        ordered = ordered && both;
        return first;
      });
      if (!ordered) run_->fail("filter tojson: keys of several types cannot be sorted");
    }
    out_.add("{");
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.add(style_->item_separator);
      new_line(level + 1);
      add_key(items[i]->first);
      out_.add(style_->key_separator);
      add(items[i]->second, level + 1);
    }
    if (!items.empty()) new_line(level);
    out_.add("}");
  }

  void add(const Value& value, int level) {
    run_->step();
    if (const Text* text = as_text(value)) {
      add(*text);
    } else if (const List* list = as_list(value)) {
      add_list(*list, level);
    } else if (const Dict* dict = as_dict(value)) {
      add_dict(*dict, level);
    } else if (is_none(value)) {
      out_.add("null");
    } else if (const auto* flag = as<bool>(value)) {
      out_.add(*flag ? "true" : "false");
    } else if (const auto* integer = as<int64_t>(value)) {
      out_.add(std::to_string(*integer));
    } else if (const auto* real = as<double>(value)) {
      add_number(*real);
    } else {
      run_->refuse(value, "is not JSON serializable");
    }
  }

  Run* run_;
  const JsonStyle* style_;
  Builder out_;
};

}  // namespace

Value to_json(Run& run, const Value& value, const JsonStyle& style) {
  return Json(run, style).of(value);
}

}  // namespace charter::model::jinja
