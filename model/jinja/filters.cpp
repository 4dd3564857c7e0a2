// The filters that are of no sequence: texts, numbers and what they are made of.
#include "model/jinja/filters.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "model/jinja/methods.hpp"
#include "model/jinja/print.hpp"
#include "model/utf8.hpp"

namespace charter::model::jinja {
namespace {

// The string a filter works on: soft_str keeps a safe text safe.
Text text_of(Run& run, const Value& value) { return to_text(run, value); }

Value trim(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter trim", args, {"chars"});
  const Text* chars = bound.optional_text(0);
  return run.text(
      strip(text_of(run, value), chars != nullptr ? &chars->bytes : nullptr, true, true));
}

Value by_default(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter default", args, {"default_value", "boolean"});
  const bool missing = is_undefined(value) || (bound.flag(1, false) && !truthy(value));
  if (!missing) return value;
  return bound.get(0) != nullptr ? *bound.get(0) : run.text("");
}

// A width is a number of spaces, or a text.
Text indent_of(Run& run, const Value* width, int64_t fallback) {
  if (width != nullptr && as_text(*width)) return *as_text(*width);
  int64_t spaces = fallback;
  if (width != nullptr && !as_integer(*width, spaces)) run.refuse(*width, "as an indent");
  spaces = std::max<int64_t>(spaces, 0);
  run.charge(static_cast<size_t>(spaces));
  return {.bytes = std::string(static_cast<size_t>(spaces), ' '), .marks = {}};
}

Value indent(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter indent", args, {"width", "first", "blank"});
  const Text by = indent_of(run, bound.get(0), 4);
  const bool blank = bound.flag(2, false);
  // A last line end counts as the end of an empty line.
  Text text = text_of(run, value);
  append(text, "\n", 0);
  const auto lines = split_lines(text, false);
  Builder out(run);
  if (bound.flag(1, false)) out.add(by);
  for (size_t i = 0; i < lines.size(); ++i) {
    run.step();
    if (i > 0) out.add("\n");
    if (i > 0 && (blank || !lines[i].bytes.empty())) out.add(by);
    out.add(lines[i]);
  }
  return out.value();
}

Value tojson(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter tojson", args,
                    {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style{.ensure_ascii = bound.flag(0, false), .sort_keys = bound.flag(3, false)};
  if (bound.get(1) != nullptr && !is_none(*bound.get(1))) {
    style.indents = true;
    style.indent = indent_of(run, bound.get(1), 0);
    style.item_separator.bytes = ",";
  }
  if (bound.get(2) != nullptr && !is_none(*bound.get(2))) {
    const List* pair = as_list(*bound.get(2));
    if (pair == nullptr || pair->items.size() != 2 || !as_text(pair->items[0]) ||
        !as_text(pair->items[1]))
      bound.fail("argument 'separators': expected two strings");
    style.item_separator = *as_text(pair->items[0]);
    style.key_separator = *as_text(pair->items[1]);
  }
  return to_json(run, value, style);
}

Value replace(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter replace", args, {"old", "new", "count"});
  const bool limited = bound.get(2) != nullptr && !is_none(*bound.get(2));
  return replaced(run, text_of(run, value), text_of(run, bound.need(0)),
                  text_of(run, bound.need(1)), limited ? bound.integer(2, -1) : -1);
}

// Each word's first letter; words begin behind a space, a dash or an opening bracket.
Value title(Run& run, const Value& value) {
  const Text text = text_of(run, value);
  Builder out(run);
  bool at_start = true;
  for (size_t i = 0; i < text.size();) {
    const Utf8Step step = utf8_step(std::string_view(text.bytes).substr(i));
    constexpr std::string_view kOpening = "-({[<";
    out.add(with_case(cut(text, i, i + step.bytes), at_start ? Case::kUpper : Case::kLower));
    at_start =
        is_space(step.code) ||
        (step.code < 0x80 && kOpening.find(static_cast<char>(step.code)) != std::string::npos);
    i += step.bytes;
  }
  return out.value();
}

// Python's int and float of a text: the number, with white space around it and underscores within.
template <class Number>
std::optional<Number> number_of(const Text& text, int base) {
  std::string digits = strip(text, nullptr, true, true).bytes;
  std::erase(digits, '_');
  const bool plus = digits.starts_with('+') && !digits.starts_with("+-");
  const char *begin = digits.data() + (plus ? 1 : 0), *end = digits.data() + digits.size();
  Number out{};
  std::from_chars_result result{};
  if constexpr (std::is_integral_v<Number>) {
    result = std::from_chars(begin, end, out, base);
  } else {
    result = std::from_chars(begin, end, out);
  }
  if (begin == end || result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return out;
}

std::optional<int64_t> truncated(double value) {
  if (!(value > -9.2e18 && value < 9.2e18)) return std::nullopt;
  return static_cast<int64_t>(value);
}

Value to_int(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter int", args, {"default", "base"});
  std::optional<int64_t> out;
  int64_t integer = 0;
  if (is_undefined(value)) run.refuse(value, "as an integer");
  if (as_integer(value, integer)) return integer;
  if (const auto* real = as<double>(value)) out = truncated(*real);
  if (const Text* text = as_text(value)) {
    out = number_of<int64_t>(*text,
                             static_cast<int>(std::clamp<int64_t>(bound.integer(1, 10), 2, 36)));
    if (!out) {
      const auto real = number_of<double>(*text, 10);
      if (real) out = truncated(*real);
    }
  }
  if (out) return *out;
  return bound.get(0) != nullptr ? *bound.get(0) : Value(int64_t{0});
}

Value to_float(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter float", args, {"default"});
  if (is_undefined(value)) run.refuse(value, "as a float");
  double real = 0;
  if (as_number(value, real)) return real;
  if (const Text* text = as_text(value)) {
    if (const auto parsed = number_of<double>(*text, 10)) return *parsed;
  }
  return bound.get(0) != nullptr ? *bound.get(0) : Value(0.0);
}

Value rounded(Run& run, const Value& value, const Args& args) {
  const Bound bound(run, "filter round", args, {"precision", "method"});
  double real = 0;
  if (!as_number(value, real)) run.refuse(value, "cannot be rounded");
  const int64_t precision = bound.integer(0, 0);
  const std::string method = bound.get(1) != nullptr ? bound.text(1).bytes : "common";
  if (precision < 0 || precision > 15) bound.fail("argument 'precision': expected 0 to 15");
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (method == "ceil") return std::ceil(real * scale) / scale;
  if (method == "floor") return std::floor(real * scale) / scale;
  if (method != "common") bound.fail("argument 'method': expected common, ceil or floor");
  if (!std::isfinite(real)) return real;
  // The decimal digits round as printf does: correctly, and halves that are exact to even.
  char digits[400];
  const auto end = std::to_chars(digits, digits + sizeof(digits), real, std::chars_format::fixed,
                                 static_cast<int>(precision));
  double out = 0;
  std::from_chars(digits, end.ptr, out);
  return as<bool>(value) || as<int64_t>(value) ? Value(static_cast<int64_t>(out)) : Value(out);
}

Value absolute(Run& run, const Value& value) {
  int64_t integer = 0;
  if (as_integer(value, integer) && integer != INT64_MIN) return integer < 0 ? -integer : integer;
  double real = 0;
  if (!as_number(value, real)) run.refuse(value, "has no absolute value");
  return std::fabs(real);
}

int64_t words_of(const Text& text) {
  int64_t count = 0;
  bool within = false;
  for (size_t i = 0; i < text.size();) {
    const Utf8Step step = utf8_step(std::string_view(text.bytes).substr(i));
    const bool word = is_word(step.code);
    count += word && !within ? 1 : 0;
    within = word;
    i += step.bytes;
  }
  return count;
}

Value safe(Run& run, const Value& value) {
  Text text = to_text(run, value);
  text.markup = true;
  return run.text(std::move(text));
}

}  // namespace

bool apply_text_filter(Run& run, const std::string& name, const Value& value, const Args& args,
                       Value& out) {
  if (name == "trim") return out = trim(run, value, args), true;
  if (name == "default" || name == "d") return out = by_default(run, value, args), true;
  if (name == "indent") return out = indent(run, value, args), true;
  if (name == "tojson") return out = tojson(run, value, args), true;
  if (name == "replace") return out = replace(run, value, args), true;
  if (name == "int") return out = to_int(run, value, args), true;
  if (name == "float") return out = to_float(run, value, args), true;
  if (name == "round") return out = rounded(run, value, args), true;
  constexpr std::string_view kPlain[] = {"upper",  "lower", "capitalize", "title",
                                         "string", "safe",  "abs",        "wordcount"};
  if (std::find(std::begin(kPlain), std::end(kPlain), name) == std::end(kPlain)) return false;
  const Bound none(run, "filter " + name, args, {});
  if (name == "upper") out = run.text(with_case(text_of(run, value), Case::kUpper));
  if (name == "lower") out = run.text(with_case(text_of(run, value), Case::kLower));
  if (name == "capitalize") out = run.text(with_case(text_of(run, value), Case::kCapitalize));
  if (name == "title") out = title(run, value);
  if (name == "string") out = run.text(text_of(run, value));
  if (name == "safe") out = safe(run, value);
  if (name == "abs") out = absolute(run, value);
  if (name == "wordcount") out = words_of(text_of(run, value));
  return true;
}

Value apply_filter(Run& run, const std::string& name, const Value& value, const Args& args) {
  Value out;
  if (const Text* text = as_text(value)) run.step(static_cast<int64_t>(text->size() / 64));
  if (apply_text_filter(run, name, value, args, out)) return out;
  if (apply_sequence_filter(run, name, value, args, out)) return out;
  run.fail("filter '" + name + "' is not supported");
}

}  // namespace charter::model::jinja
