#include "model/jinja/operators.hpp"

#include <algorithm>
#include <cmath>

#include "model/jinja/print.hpp"

namespace charter::model::jinja {
namespace {

[[noreturn]] void unsupported(Run& run, std::string_view sign, const Value& a, const Value& b) {
  for (const Value* side : {&a, &b}) {
    if (is_undefined(*side)) run.refuse(*side, "in " + std::string(sign));
  }
  run.fail("operator " + std::string(sign) + " between " + std::string(type_name(a)) + " and " +
           std::string(type_name(b)));
}

[[noreturn]] void too_large(Run& run, std::string_view sign) {
  run.fail("operator " + std::string(sign) + ": an integer of more than 64 bits");
}

int64_t floor_division(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return quotient - ((a % b != 0) && ((a < 0) != (b < 0)) ? 1 : 0);
}

double modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : std::copysign(rest, rest == 0 ? b : rest);
}

int64_t power(Run& run, int64_t base, int64_t exponent) {
  int64_t out = 1;
  // Anything but -1, 0 and 1 leaves 64 bits within 64 steps.
  if (base == 0 || base == 1) return exponent == 0 ? 1 : base;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  for (int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(out, base, &out)) too_large(run, "**");
  }
  return out;
}

Value integers(Run& run, std::string_view sign, int64_t a, int64_t b) {
  int64_t out = 0;
  bool overflow = false;
  if (sign == "/" || sign == "//" || sign == "%") {
    if (b == 0) run.fail("operator " + std::string(sign) + ": division by zero");
    if (sign == "/") return static_cast<double>(a) / static_cast<double>(b);
    if (b == -1) {  // the least integer has no opposite
      overflow = sign == "//" && __builtin_sub_overflow(int64_t{0}, a, &out);
    } else {
      out = sign == "//" ? floor_division(a, b) : a - floor_division(a, b) * b;
    }
  } else if (sign == "**") {
    if (b < 0) {
      if (a == 0) run.fail("operator **: division by zero");
      return std::pow(static_cast<double>(a), static_cast<double>(b));
    }
    out = power(run, a, b);
  } else {
    overflow = sign == "+"   ? __builtin_add_overflow(a, b, &out)
               : sign == "-" ? __builtin_sub_overflow(a, b, &out)
                             : __builtin_mul_overflow(a, b, &out);
  }
  if (overflow) too_large(run, sign);
  return out;
}

Value reals(Run& run, std::string_view sign, double a, double b) {
  if (sign == "+") return a + b;
  if (sign == "-") return a - b;
  if (sign == "*") return a * b;
  if (sign == "**") {
    if (a == 0 && b < 0) run.fail("operator **: division by zero");
    if (a < 0 && b != std::floor(b)) run.fail("operator **: a complex number");
    return std::pow(a, b);
  }
  if (b == 0) run.fail("operator " + std::string(sign) + ": division by zero");
  if (sign == "/") return a / b;
  return sign == "%" ? modulo(a, b) : std::floor((a - modulo(a, b)) / b + 0.5);
}

Value added(Run& run, const Text& a, const Text& b) {
  Builder out(run);
  if (!a.markup && !b.markup) return out.add(a).add(b).value();
  out.add(escaped(run, a)).add(escaped(run, b));
  Text text = out.text();
  text.markup = true;
  return Run::built(std::move(text));
}

bool is_sequence(const List& list) {
  return list.form == List::Form::kList || list.form == List::Form::kTuple;
}

// A text, list or tuple, `count` times.
bool repeated(Run& run, const Value& value, int64_t count, Value& out) {
  if (const Text* text = as_text(value)) {
    Builder builder(run);
    for (int64_t i = 0; i < count && !text->bytes.empty(); ++i) {
      run.step();
      builder.add(*text);
    }
    Text made = builder.text();
    made.markup = text->markup;
    out = Run::built(std::move(made));
    return true;
  }
  const List* list = as_list(value);
  if (list == nullptr || !is_sequence(*list)) return false;
  std::vector<Value> items;
  for (int64_t i = 0; i < count && !list->items.empty(); ++i) {
    run.charge(list->items.size() * sizeof(Value));
    run.step(static_cast<int64_t>(list->items.size()));
    items.insert(items.end(), list->items.begin(), list->items.end());
  }
  out = run.list(std::move(items), list->form);
  return true;
}

Value added(Run& run, const List& a, const List& b) {
  std::vector<Value> items = a.items;
  run.step(static_cast<int64_t>(a.items.size() + b.items.size()));
  items.insert(items.end(), b.items.begin(), b.items.end());
  return run.list(std::move(items), a.form);
}

}  // namespace

Value binary(Run& run, std::string_view sign, const Value& a, const Value& b) {
  int64_t i = 0, j = 0;
  const bool left = as_integer(a, i), right = as_integer(b, j);
  if (left && right) return integers(run, sign, i, j);
  double x = 0, y = 0;
  if (as_number(a, x) && as_number(b, y)) return reals(run, sign, x, y);
  if (sign == "+") {
    if (as_text(a) && as_text(b)) return added(run, *as_text(a), *as_text(b));
    const List *first = as_list(a), *second = as_list(b);
    if (first && second && is_sequence(*first) && first->form == second->form)
      return added(run, *first, *second);
  }
  Value out;
  if (sign == "*" && ((right && repeated(run, a, j, out)) || (left && repeated(run, b, i, out))))
    return out;
  if (sign == "%" && as_text(a) != nullptr) run.fail("operator % of a str is not supported");
  unsupported(run, sign, a, b);
}

Value negative(Run& run, const Value& value, bool minus) {
  int64_t integer = 0;
  if (as_integer(value, integer)) return minus ? integers(run, "-", 0, integer) : Value(integer);
  double real = 0;
  if (!as_number(value, real)) run.refuse(value, minus ? "has no negative" : "has no +");
  return minus ? -real : real;
}

bool is_less(Run& run, const Value& a, const Value& b) {
  run.step_compare(a, b);
  bool ordered = true;
  const bool out = less(a, b, ordered);
  if (!ordered) unsupported(run, "<", a, b);
  return out;
}

bool contains(Run& run, const Value& in, const Value& value) {
  if (const Text* text = as_text(in)) {
    const Text* part = as_text(value);
    if (part == nullptr) run.refuse(value, "in a str: expected a str");
    run.step(static_cast<int64_t>((text->size() + part->size()) / 64));
    return find_text(text->bytes, part->bytes) != std::string::npos;
  }
  if (const Dict* dict = as_dict(in)) {
    if (as_dict(value) || (as_list(value) && as_list(value)->form != List::Form::kTuple))
      run.refuse(value, "cannot be the key of a dict");
    run.step_compare(value, dict->items.size());
    return lookup(*dict, value) != nullptr;
  }
  if (!as_list(in) && !as<std::shared_ptr<Iterator>>(in) && !is_undefined(in))
    run.refuse(in, "has nothing in it");
  const auto elements = run.elements(in);
  run.step_compare(value, elements.size());
  return std::any_of(elements.begin(), elements.end(),
                     [&](const Value& element) { return equal(element, value); });
}

bool compare(Run& run, std::string_view sign, const Value& a, const Value& b) {
  run.step_compare(a, b);
  if (sign == "==") return equal(a, b);
  if (sign == "!=") return !equal(a, b);
  if (sign == "in") return contains(run, b, a);
  if (sign == "not in") return !contains(run, b, a);
  if (sign == "<") return is_less(run, a, b);
  if (sign == ">") return is_less(run, b, a);
  // Not a number is neither less nor equal.
  const bool same = equal(a, b);
  return sign == "<=" ? is_less(run, a, b) || same : is_less(run, b, a) || same;
}

}  // namespace charter::model::jinja
